package polymarket.backfill.serve;

import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import polymarket.backfill.Daemons;

/** Sends those who posted a command what it says. One thread looks for all of them. */
final class Followers implements AutoCloseable {

  private static final long LOOK_MILLIS = 100;

  /** After so many looks without news, a comment keeps the connection open. */
  private static final int LOOKS_WITHOUT_NEWS = 100;

  /** How long the last events may take when the server ends. */
  private static final long END_MILLIS = 5_000;

  private final Set<EventStream> streams = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService clock = Daemons.clock("followers");

  /** The answer to the one who posted a command; it ends when the command has ended. */
  EventStream stream(Posted posted) {
    EventStream stream = new EventStream(posted.next().orElse(""), streams::remove);
    streams.add(stream);
    clock.execute(() -> look(posted, stream, 0));
    return stream;
  }

  private void look(Posted posted, EventStream stream, int looksWithoutNews) {
    if (stream.isGone()) {
      return;
    }
    int looks = looksWithoutNews + 1;
    if (stream.isIdle()) {
      if (posted.isEnded()) {
        stream.end();
        return;
      }
      Optional<String> event = posted.next();
      if (event.isPresent() || looks >= LOOKS_WITHOUT_NEWS) {
        stream.send(event.orElse(""));
        looks = 0;
      }
    }
    int next = looks;
    clock.schedule(() -> look(posted, stream, next), LOOK_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Sends the last events of commands that have ended. */
  @Override
  public void close() {
    try {
      for (long left = END_MILLIS; left > 0 && !streams.isEmpty(); left -= LOOK_MILLIS) {
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    clock.shutdownNow();
  }
}
