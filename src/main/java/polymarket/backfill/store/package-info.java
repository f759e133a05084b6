/** Checks that answers are complete, and stores their rows exactly once. */
package polymarket.backfill.store;
