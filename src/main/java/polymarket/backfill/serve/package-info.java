/** The live page: its HTTP server, its stream of events, and the pace of the last hour. */
package polymarket.backfill.serve;
