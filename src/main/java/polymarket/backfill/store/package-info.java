/** Whether an answer is complete, and the steps that store its rows exactly once. */
package polymarket.backfill.store;
