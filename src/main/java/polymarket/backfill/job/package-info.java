/** What a job is: its definition, its ids and lists of them, and what its exchange carries. */
package polymarket.backfill.job;
