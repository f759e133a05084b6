package polymarket.backfill.run;

import polymarket.backfill.job.IdKind;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;

/**
 * The fewest requests that a run could have made for what it fetched: one for every page, if no
 * answer had failed, no page had been asked for a second time, and every batch had been full.
 */
final class Least {

  private final boolean known;
  private final boolean ofBatches;
  private final int size;
  private final Asked first = new Asked();
  private final Asked again = new Asked();
  private long pages;

  /** What the answered batches took, those that ask for ids once more apart from the others. */
  private static final class Asked {

    private long requests;
    private long ids;

    /** How many requests fewer there are if each is full. */
    long spare(int size) {
      return requests - (ids + size - 1) / size;
    }
  }

  /**
   * @param size ids a batch
   */
  Least(Job job, int size) {
    // how many ranges a request covers is what the source decides
    this.known = job.idKind() != IdKind.RANGE;
    this.ofBatches = job.getIdsARequest() > 1;
    this.size = Math.min(size, job.getIdsARequest());
  }

  /** The pages of a batch since the last call for it. */
  void pages(BatchWork batch) {
    pages += batch.answers();
  }

  /** A batch that was answered, after its last page. */
  void done(BatchWork batch) {
    pages(batch);
    if (ofBatches && batch.answers() > 0) {
      Asked asked = batch.getKind() == Batch.Kind.REASK ? again : first;
      asked.requests += (batch.getSize() + size - 1) / size;
      asked.ids += batch.getSize();
    }
  }

  /** Null where that cannot be told. */
  Long requests() {
    return known ? pages - first.spare(size) - again.spare(size) : null;
  }
}
