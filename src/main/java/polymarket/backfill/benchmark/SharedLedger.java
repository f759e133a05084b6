package polymarket.backfill.benchmark;

/** A job's ledger in the database that members share, as a benchmark sees it. */
public interface SharedLedger {

  /** Whether there is one. */
  boolean exists();

  /** How many ids are still to be done; 0 where there is no ledger yet. */
  long left();

  /** How many unfinished batches the member of a process holds, whether it lives or not. */
  long held(long pid);

  /** Removes it. */
  void drop();
}
