package polymarket.backfill.sandbox;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * What the Data API says of a condition that is resolved or on its way there.
 *
 * @param numerators the chain's payout numerators, or null while it is pending
 * @param block the block of the resolution or of the last proposal
 * @param time that block's time in seconds
 */
record Resolution(
    ConditionId condition,
    String questionId,
    long[] numerators,
    long block,
    long time,
    boolean disputed) {

  /** Payouts in parts per million, rounded half up. */
  List<Long> millionths() {
    long sum = 0;
    for (long numerator : numerators) {
      sum += numerator;
    }
    List<Long> parts = new ArrayList<>();
    for (long numerator : numerators) {
      parts.add((numerator * 2_000_000L + sum) / (2 * sum));
    }
    return parts;
  }

  void json(StringBuilder out) {
    String at = Instant.ofEpochSecond(time).toString();
    if (numerators != null) {
      new Json.Obj(out)
          .put("condition_id", condition.toString())
          .put("status", "resolved")
          .put("extended_review", false)
          .put("was_disputed", disputed)
          .put("new_version_q", false)
          .put("transaction_hash", "")
          .put("log_index", "")
          .put("last_update_timestamp", at)
          .raw("payouts", millionths().toString().replace(" ", ""))
          .put("resolution_source", "reported")
          .put("was_arbitrated", false)
          .put("resolved_block", block)
          .put("resolved_at", at)
          .end();
      return;
    }
    new Json.Obj(out)
        .put("question_id", questionId)
        .put("condition_id", condition.toString())
        .put("status", disputed ? "disputed" : "proposed")
        .put("extended_review", false)
        .put("was_disputed", disputed)
        .put("new_version_q", true)
        .put("proposed_price", "1000000000000000000")
        .put("reproposed_price", disputed ? "500000000000000000" : "69")
        .put("price", "69")
        .put("transaction_hash", "0x" + Mix.hex(condition.hash(3), 32))
        .put("log_index", "602")
        .put("last_update_timestamp", String.valueOf(time))
        .put("expected_settlement_time", Instant.ofEpochSecond(time + 7200).toString())
        .put(
            "settlement_time_basis",
            disputed ? "dvm_round_estimate" : "managed_proposal_expiration")
        .end();
  }
}
