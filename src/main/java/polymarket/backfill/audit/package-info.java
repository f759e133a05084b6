/** Whether the stored logs of the chain are all of them: laws that a missing log breaks. */
package polymarket.backfill.audit;
