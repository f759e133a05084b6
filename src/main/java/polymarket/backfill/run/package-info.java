/** A run of jobs: Camel and its routes, the feed of batches, marking, progress, hot reload. */
package polymarket.backfill.run;
