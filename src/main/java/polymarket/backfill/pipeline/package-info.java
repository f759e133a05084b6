/**
 * Several commands of the program as one piece of work: which side by side, which after which, in
 * how much time.
 */
package polymarket.backfill.pipeline;
