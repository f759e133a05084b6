/**
 * The checkpoint of a job: ids, batches and their states, and the locks of processes that share
 * work.
 */
package polymarket.backfill.ledger;
