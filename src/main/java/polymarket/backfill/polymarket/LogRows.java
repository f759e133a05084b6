package polymarket.backfill.polymarket;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.source.BlockTime;
import polymarket.backfill.source.RpcCalls;
import polymarket.backfill.source.SourceException;
import polymarket.backfill.source.Walks;

/** Converts a node's logs to rows, as {@link Chain} describes them. */
final class LogRows {

  private static final String TIME = "blockTimestamp";

  private LogRows() {}

  /**
   * A block's time in seconds since 1970, as nodes write quantities.
   *
   * @return null where it is none, or cannot be: before the contract was there, or in the future
   */
  static Long time(Object quantity) {
    Long time = RpcCalls.number(quantity);
    return time != null && BlockTime.isPossible(time) ? time : null;
  }

  /** A block's time; where it cannot be one, what came, as text, and null where nothing did. */
  static Object timeOrText(Object quantity) {
    Long time = time(quantity);
    return time != null || quantity == null ? time : String.valueOf(quantity);
  }

  /** A log, without its block's time where that cannot be: the block is asked for it then. */
  private static Map<String, Object> timed(Map<String, Object> log) {
    if (log.get(TIME) == null) {
      return log;
    }
    Map<String, Object> timed = new LinkedHashMap<>(log);
    Long time = time(log.get(TIME));
    timed.put(TIME, time == null ? null : "0x" + Long.toHexString(time));
    return timed;
  }

  /**
   * The rows of a range's logs.
   *
   * @param timeless gets the blocks of conditions and resolutions that came without a time
   * @throws SourceException where a log is of a block that was not asked for
   */
  static List<Map<String, Object>> of(String range, List<?> logs, TreeSet<Long> timeless)
      throws SourceException {
    List<Map<String, Object>> rows = new ArrayList<>();
    Map<String, Map<String, Object>> transfers = new LinkedHashMap<>();
    for (Object element : logs) {
      if (!(element instanceof Map<?, ?>)) {
        rows.add(bad(range, "element " + Walks.hash(String.valueOf(element)), null, element));
        rows.get(rows.size() - 1).put("reason", "an element of the list is not an object");
        continue;
      }
      @SuppressWarnings("unchecked")
      Map<String, Object> log = (Map<String, Object>) element;
      if (Boolean.TRUE.equals(log.get("removed"))) {
        continue;
      }
      List<ConditionLogs.Row> decoded;
      try {
        decoded = ConditionLogs.decode(timed(log));
      } catch (IllegalArgumentException e) {
        rows.add(bad(range, log.get("transactionHash"), log.get("logIndex"), log));
        rows.get(rows.size() - 1).put("reason", e.getMessage());
        continue;
      }
      for (ConditionLogs.Row one : decoded) {
        expectIn(range, one.place().blockNumber());
        if (one instanceof ConditionLogs.Transfer transfer) {
          transfers
              .computeIfAbsent(
                  transfer.place().transactionHash() + transfer.tokenId(),
                  key -> {
                    Map<String, Object> row = row(range, "transfer");
                    row.put("transaction_hash", transfer.place().transactionHash());
                    row.put("token_id", transfer.tokenId());
                    row.put("block_number", transfer.place().blockNumber());
                    row.put("block_time", timeOrText(log.get(TIME)));
                    return row;
                  })
              .merge("transfers", 1, (a, b) -> (Integer) a + (Integer) b);
        } else if (one instanceof ConditionLogs.Preparation preparation) {
          rows.add(
              placed(
                  row(range, "condition"),
                  preparation.conditionId(),
                  preparation.oracle(),
                  preparation.questionId(),
                  preparation.outcomeSlotCount(),
                  preparation.place(),
                  log.get(TIME),
                  timeless));
          tokens(
              rows.get(rows.size() - 1), preparation.conditionId(), preparation.outcomeSlotCount());
        } else if (one instanceof ConditionLogs.Resolution resolution) {
          rows.add(
              placed(
                  row(range, "resolution"),
                  resolution.conditionId(),
                  resolution.oracle(),
                  resolution.questionId(),
                  resolution.outcomeSlotCount(),
                  resolution.place(),
                  log.get(TIME),
                  timeless));
          rows.get(rows.size() - 1).put("payout_numerators", resolution.payoutNumerators());
        }
      }
    }
    rows.addAll(transfers.values());
    return rows;
  }

  private static void expectIn(String range, long block) throws SourceException {
    if (block < Ranges.first(range) || block > Ranges.last(range)) {
      throw new SourceException(
          "polygon answered with a log of block "
              + block
              + " where "
              + Ranges.first(range)
              + " to "
              + Ranges.last(range)
              + " were requested");
    }
  }

  /** A log that does not match its signature, unchanged. */
  private static Map<String, Object> bad(
      String range, Object transaction, Object index, Object log) {
    Map<String, Object> row = row(range, "bad");
    row.put("transaction_hash", transaction);
    row.put("log_index", index);
    row.put("block_number", Ranges.first(range));
    row.put("log", log == null ? "null" : log);
    return row;
  }

  private static Map<String, Object> row(String range, String kind) {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("range", range);
    row.put("kind", kind);
    return row;
  }

  private static Map<String, Object> placed(
      Map<String, Object> row,
      String condition,
      String oracle,
      String question,
      int outcomes,
      ConditionLogs.Place place,
      Object time,
      TreeSet<Long> timeless) {
    row.put("condition_id", condition);
    row.put("oracle", oracle);
    row.put("question_id", question);
    row.put("outcome_slot_count", outcomes);
    row.put("block_number", place.blockNumber());
    row.put("block_time", timeOrText(time));
    row.put("transaction_hash", place.transactionHash());
    row.put("log_index", place.logIndex());
    if (place.blockTimestamp() == null) {
      timeless.add(place.blockNumber());
    }
    return row;
  }

  private static void tokens(Map<String, Object> row, String condition, int outcomes) {
    List<TokenIds.OutcomeTokens> tokens = TokenIds.tokenIds(condition, outcomes);
    row.put("usdc_token_ids", tokens.stream().map(TokenIds.OutcomeTokens::usdcTokenId).toList());
    row.put(
        "wrapped_token_ids", tokens.stream().map(TokenIds.OutcomeTokens::wrappedTokenId).toList());
    row.put("other_token_ids", TokenIds.otherTokenIds(condition, outcomes));
  }
}
