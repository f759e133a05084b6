package polymarket.backfill.store;

import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import polymarket.backfill.ledger.BatchWork;

/** Makes batches of one job that are about to store the same row wait for each other. */
final class StoringTurns {

  /** The keys of the rows that batches are about to store. */
  private final Map<BatchWork, Set<String>> storing = new HashMap<>();

  /**
   * Waits while another batch stores one of these rows.
   *
   * @param keys the keys of the rows; empty if pages do not repeat rows
   */
  void await(BatchWork batch, Set<String> keys) throws InterruptedException {
    if (keys.isEmpty()) {
      return;
    }
    synchronized (storing) {
      while (storing.entrySet().stream()
          .anyMatch(
              other ->
                  other.getKey() != batch
                      && !other.getKey().isIdle()
                      && other.getKey().getJob().equals(batch.getJob())
                      && !Collections.disjoint(other.getValue(), keys))) {
        storing.wait(50);
      }
      storing.keySet().removeIf(BatchWork::isIdle);
      storing.put(batch, keys);
    }
  }

  /** Records that the batch's page is stored. */
  void end(BatchWork batch) {
    synchronized (storing) {
      storing.remove(batch);
      storing.notifyAll();
    }
  }
}
