/** Pipelines: several commands of the program, in an order and within a time budget. */
package polymarket.backfill.pipeline;
