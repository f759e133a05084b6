package polymarket.backfill;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;

/** Threads that do not keep the program from ending. */
public final class Daemons {

  private Daemons() {}

  /** Makes threads of that name. */
  public static ThreadFactory named(String name) {
    return task -> {
      Thread thread = new Thread(task, name);
      thread.setDaemon(true);
      return thread;
    };
  }

  /** One thread of that name, for work at times. */
  public static ScheduledExecutorService clock(String name) {
    return Executors.newSingleThreadScheduledExecutor(named(name));
  }

  /** Starts a thread of that name. */
  public static void start(String name, Runnable task) {
    named(name).newThread(task).start();
  }
}
