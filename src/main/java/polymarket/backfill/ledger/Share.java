package polymarket.backfill.ledger;

import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import polymarket.backfill.UserError;

/**
 * The part of a job that one worker takes: the ids whose hash falls into it, and as large a part of
 * the pace. Hashes run from 0 to {@link #SLOTS}; a share is a slice of them, so that shares which
 * do not overlap never add up to more than the whole.
 *
 * @param worker 1 to {@code of}
 */
public record Share(int worker, int of) {

  /** Divisible by every number of workers up to 16. */
  public static final int SLOTS = 720_720;

  public static final Share WHOLE = new Share(1, 1);

  public Share {
    if (of < 1 || worker < 1 || worker > of) {
      throw new UserError(
          "--worker " + worker + " --of " + of + ": the worker's number goes from 1 to --of");
    }
  }

  /** The first slot that is its own. */
  public int from() {
    return (int) ((long) SLOTS * (worker - 1) / of);
  }

  /** The first slot that is no longer its own. */
  public int to() {
    return (int) ((long) SLOTS * worker / of);
  }

  /** The slot of an id. */
  public static int slot(String id) {
    CRC32 crc = new CRC32();
    crc.update(id.getBytes(StandardCharsets.UTF_8));
    return (int) (crc.getValue() % SLOTS);
  }

  /** Whether the job is not shared. */
  public boolean whole() {
    return of == 1;
  }

  /** The name's part in files: empty for the whole, otherwise such as ".worker-2-of-4". */
  public String suffix() {
    return whole() ? "" : ".worker-" + worker + "-of-" + of;
  }

  @Override
  public String toString() {
    return whole() ? "" : "worker " + worker + " of " + of;
  }
}
