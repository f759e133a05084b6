/** Measures the program against the sandbox, each in processes of its own. */
package polymarket.backfill.benchmark;
