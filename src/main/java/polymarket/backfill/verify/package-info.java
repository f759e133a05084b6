/** Checks and measures of stored data, and the HTML report. */
package polymarket.backfill.verify;
