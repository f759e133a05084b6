/** A job's definition, its ids and lists of ids, and the properties of its exchange. */
package polymarket.backfill.job;
