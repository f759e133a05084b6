package polymarket.backfill;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;

/** Threads that do not keep the program from ending. */
public final class Daemons {

  private Daemons() {}

  /** One thread of that name, for work at times. */
  public static ScheduledExecutorService clock(String name) {
    return Executors.newSingleThreadScheduledExecutor(task -> thread(name, task));
  }

  /** Starts a thread of that name. */
  public static void start(String name, Runnable task) {
    thread(name, task).start();
  }

  private static Thread thread(String name, Runnable task) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    return thread;
  }
}
