/** The commands of ./backfill: options, output, exit codes. */
package polymarket.backfill.cli;
