package polymarket.backfill.source;

import java.time.Instant;

/** Which times may be those of something that happened on the chain: the limits of values.sql. */
public final class BlockTime {

  /** No block that is asked for is older: the first contract is from September 2020. */
  private static final long OLDEST = Instant.parse("2020-09-01T00:00:00Z").getEpochSecond();

  /** Clocks differ, by no more than a day. */
  private static final long SECONDS_AHEAD = 86_400;

  private BlockTime() {}

  /**
   * Whether something may have happened at a time.
   *
   * @param seconds since 1970
   */
  public static boolean isPossible(long seconds) {
    return seconds >= OLDEST && seconds <= Instant.now().getEpochSecond() + SECONDS_AHEAD;
  }
}
