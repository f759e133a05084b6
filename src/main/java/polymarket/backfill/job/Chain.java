package polymarket.backfill.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.camel.Body;
import org.apache.camel.Exchange;
import org.apache.camel.ExchangeProperty;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.polygon.ConditionLogs;
import polymarket.backfill.polygon.TokenIds;

/**
 * The bean {@code chain} of routes whose source is a JSON-RPC node and whose ids are ranges of
 * blocks: makes the calls of a batch, matches the answers to them by id, and gives the logs as
 * rows.
 *
 * <p>A row has the fields {@code range} (the id), {@code kind} and those of its kind: {@code
 * condition} and {@code resolution} as in {@link ConditionLogs}, a condition with its token ids
 * computed forward; {@code transfer}, one row for all moves of a token id in a transaction; {@code
 * bad}, a log that is not what its signature promises, as it came and with the reason.
 */
public final class Chain {

  /**
   * How nodes say that a range is too wide or its answer too large (the recorded wordings, and what
   * their kin say).
   */
  private static final Pattern TOO_LARGE =
      Pattern.compile(
          "(?i)blocks? range|response size|response is too (big|large)|more than [\\d,]+"
              + " (results|logs|blocks)|limited to an? [\\d,.]+k? (blocks? )?range|exceeds? (the"
              + " )?(max(imum)? )?(results|limit of)|range (is )?too (large|wide)|too (large|many"
              + " (results|logs|blocks))|query timeout|timed out|-32614\\b");

  private static final Pattern BUSY =
      Pattern.compile(
          "(?i)compute units|rate limit|too many requests|capacity per second|capacity limit");

  /** Row counts at which a node may have cut its answer without a word. */
  private static final List<Integer> CAPS = List.of(100, 1000, 10_000, 20_000);

  private static final List<Long> WIDTHS = List.of(10_000L, 2_000L, 1_000L, 100L, 10L, 5L, 1L);

  /** Calls for the times of blocks that go out together. */
  private static final int BLOCKS_A_REQUEST = 7;

  private static final String HEAD = "head";

  /**
   * So often a node is asked for its newest block before a run, because several may stand behind
   * one URL.
   */
  private static final int HEADS = 7;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The logs of a batch, by range. */
  public static final class Scan {

    private final Map<String, List<Map<String, Object>>> rows = new LinkedHashMap<>();

    /** Blocks of conditions and resolutions that came without a time. */
    private final TreeSet<Long> timeless = new TreeSet<>();

    /** Blocks whose times have to be asked for, a few at a time. */
    public List<List<Long>> getTimeless() {
      List<Long> all = List.copyOf(timeless);
      List<List<Long>> parts = new ArrayList<>();
      for (int from = 0; from < all.size(); from += BLOCKS_A_REQUEST) {
        parts.add(all.subList(from, Math.min(all.size(), from + BLOCKS_A_REQUEST)));
      }
      return parts;
    }
  }

  private static Map<String, Object> call(Object id, String method, Object... parameters) {
    Map<String, Object> call = new LinkedHashMap<>();
    call.put("jsonrpc", "2.0");
    call.put("id", id);
    call.put("method", method);
    call.put("params", parameters);
    return call;
  }

  private static Map<String, Object> logs(
      Object id, long first, long last, String address, Object topics) {
    Map<String, Object> filter = new LinkedHashMap<>();
    filter.put("fromBlock", hex(first));
    filter.put("toBlock", hex(last));
    filter.put("address", address);
    filter.put("topics", List.of(topics));
    return call(id, "eth_getLogs", filter);
  }

  private static String hex(long number) {
    return "0x" + Long.toHexString(number);
  }

  private static String batch(Exchange exchange, List<Map<String, Object>> calls)
      throws JsonProcessingException {
    exchange.setProperty(ExchangeProperties.CALLS, calls.size());
    return JSON.writeValueAsString(calls);
  }

  /**
   * The calls for the logs of a batch's ranges, and for the node's newest block.
   *
   * @param address of the contract
   * @param topics any of which the first topic may be, separated by commas
   */
  public String calls(
      Exchange exchange,
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      String address,
      String topics)
      throws JsonProcessingException {
    batch.forgetAnswer();
    List<Map<String, Object>> calls = new ArrayList<>();
    for (String id : batch.getIds()) {
      calls.add(logs(id, Ranges.first(id), Ranges.last(id), address, topics(topics)));
    }
    calls.add(call(HEAD, "eth_blockNumber"));
    return batch(exchange, calls);
  }

  private static List<String> topics(String topics) {
    return Arrays.stream(topics.split(",")).map(String::strip).toList();
  }

  /**
   * Takes the answers to these calls. Ranges that are too wide for the node are cut; ranges that
   * failed otherwise are left unanswered.
   *
   * @throws SourceException where none could be answered, the node throttles, or it does not have
   *     the last block yet
   */
  public Scan answered(@ExchangeProperty(Batch.PROPERTY) Batch batch, @Body Object body)
      throws SourceException {
    Map<String, Map<String, Object>> answers = byId(body);
    String failure = "the answer has none of the calls in it";
    Scan scan = new Scan();
    for (String id : batch.getIds()) {
      Map<String, Object> answer = answers.getOrDefault(id, answers.get(null));
      if (answer == null) {
        continue;
      }
      if (answer.get("error") != null) {
        failure = message(answer);
        if (tooLarge(answer) && Ranges.width(id) > 1) {
          batch.cut(id);
        }
      } else if (answer.get("result") instanceof List<?> logs) {
        if (CAPS.contains(logs.size()) && Ranges.width(id) > 1) {
          batch.cut(id);
        } else {
          scan.rows.put(id, rows(id, logs, scan.timeless));
        }
      }
    }
    if (scan.rows.isEmpty() && batch.cuts().isEmpty()) {
      throw answers.get(null) == null || !tooLarge(answers.get(null))
          ? new SourceException("polygon answered with an error: " + failure)
          : new RefusalException("polygon answered with an error: " + failure);
    }
    long last =
        batch.getIds().stream()
            .filter(scan.rows::containsKey)
            .mapToLong(Ranges::last)
            .max()
            .orElse(-1);
    Map<String, Object> head = answers.get(HEAD);
    if (last >= 0 && (head == null || !(head.get("result") instanceof String))) {
      throw new SourceException("polygon did not say which block is its newest");
    }
    if (last >= 0 && number(head.get("result")) < last) {
      throw new SourceException(
          "polygon's node is at block "
              + number(head.get("result"))
              + " where "
              + last
              + " was asked for",
          0,
          true,
          0,
          false);
    }
    return scan;
  }

  /** The answers by the ids of their calls; one error for all of them stands under null. */
  private static Map<String, Map<String, Object>> byId(Object body) throws SourceException {
    Map<String, Map<String, Object>> answers = new HashMap<>();
    List<?> list = body instanceof List<?> many ? many : List.of(body);
    for (Object element : list) {
      if (!(element instanceof Map<?, ?>)) {
        throw new SourceException("polygon answered with something that is no JSON-RPC answer");
      }
      @SuppressWarnings("unchecked")
      Map<String, Object> answer = (Map<String, Object>) element;
      if (answer.get("error") != null && BUSY.matcher(message(answer)).find()) {
        throw new SourceException(
            "polygon answered with an error: " + message(answer), 0, true, 0, false);
      }
      answers.put(body instanceof List<?> ? String.valueOf(answer.get("id")) : null, answer);
    }
    return answers;
  }

  private static String message(Map<String, Object> answer) {
    Object error = answer.get("error");
    String text =
        error instanceof Map<?, ?> map
            ? map.get("code") + " " + map.get("message")
            : String.valueOf(error);
    return text.length() > 200 ? text.substring(0, 200) + " …" : text;
  }

  private static boolean tooLarge(Map<String, Object> answer) {
    return answer.get("error") != null && TOO_LARGE.matcher(message(answer)).find();
  }

  /**
   * Whether an answer with any HTTP status says that the account may not ask now: by its rate or
   * its month.
   */
  public static boolean isBusy(@Body String body) {
    return body != null && body.contains("\"error\"") && BUSY.matcher(body).find();
  }

  /**
   * Whether an answer with an HTTP error says that a range is too wide: it is an answer then, and
   * no failure of the source.
   */
  public static boolean isTooLarge(@Body String body) {
    return body != null
        && body.contains("\"error\"")
        && TOO_LARGE.matcher(body).find()
        && !isBusy(body);
  }

  private static long number(Object quantity) {
    return Long.parseLong(String.valueOf(quantity).substring(2), 16);
  }

  private static List<Map<String, Object>> rows(
      String range, List<?> logs, TreeSet<Long> timeless) {
    List<Map<String, Object>> rows = new ArrayList<>();
    Map<String, Map<String, Object>> transfers = new LinkedHashMap<>();
    for (Object element : logs) {
      @SuppressWarnings("unchecked")
      Map<String, Object> log = (Map<String, Object>) element;
      if (Boolean.TRUE.equals(log.get("removed"))) {
        continue;
      }
      List<ConditionLogs.Row> decoded;
      try {
        decoded = ConditionLogs.decode(log);
      } catch (IllegalArgumentException e) {
        Map<String, Object> row = row(range, "bad");
        row.put("transaction_hash", log.get("transactionHash"));
        row.put("log_index", log.get("logIndex"));
        row.put("block_number", Ranges.first(range));
        row.put("reason", e.getMessage());
        row.put("log", log);
        rows.add(row);
        continue;
      }
      for (ConditionLogs.Row one : decoded) {
        if (one instanceof ConditionLogs.Transfer transfer) {
          transfers
              .computeIfAbsent(
                  transfer.place().transactionHash() + transfer.tokenId(),
                  key -> {
                    Map<String, Object> row = row(range, "transfer");
                    row.put("transaction_hash", transfer.place().transactionHash());
                    row.put("token_id", transfer.tokenId());
                    row.put("block_number", transfer.place().blockNumber());
                    row.put("block_time", transfer.place().blockTimestamp());
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
                  timeless));
          rows.get(rows.size() - 1).put("payout_numerators", resolution.payoutNumerators());
        }
      }
    }
    rows.addAll(transfers.values());
    return rows;
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
      TreeSet<Long> timeless) {
    row.put("condition_id", condition);
    row.put("oracle", oracle);
    row.put("question_id", question);
    row.put("outcome_slot_count", outcomes);
    row.put("block_number", place.blockNumber());
    row.put("block_time", place.blockTimestamp());
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

  /** The calls for the times of blocks. */
  public String blocks(Exchange exchange, @Body List<Long> numbers) throws JsonProcessingException {
    List<Map<String, Object>> calls = new ArrayList<>();
    numbers.forEach(number -> calls.add(call(number, "eth_getBlockByNumber", hex(number), false)));
    return batch(exchange, calls);
  }

  /**
   * Takes the times of blocks.
   *
   * @throws SourceException where one is missing
   */
  public void timed(
      @ExchangeProperty(ExchangeProperties.SCAN) Scan scan,
      @ExchangeProperty(ExchangeProperties.BLOCKS) List<Long> numbers,
      @Body Object body)
      throws SourceException {
    Map<String, Map<String, Object>> answers = byId(body);
    Map<Long, Long> times = new HashMap<>();
    for (Long number : numbers) {
      Map<String, Object> answer = answers.get(String.valueOf(number));
      if (answer == null
          || !(answer.get("result") instanceof Map<?, ?> block)
          || !(block.get("timestamp") instanceof String)) {
        throw new SourceException(
            "polygon does not give block "
                + number
                + (answer == null || answer.get("error") == null ? "" : ": " + message(answer)));
      }
      times.put(number, number(block.get("timestamp")));
    }
    scan.rows
        .values()
        .forEach(
            rows ->
                rows.forEach(
                    row -> {
                      if (row.get("block_time") == null
                          && times.containsKey(row.get("block_number"))) {
                        row.put("block_time", times.get(row.get("block_number")));
                      }
                    }));
  }

  /** Hands the rows of each range to the batch. */
  public void gather(
      @ExchangeProperty(Batch.PROPERTY) Batch batch,
      @ExchangeProperty(ExchangeProperties.SCAN) Scan scan) {
    scan.rows.forEach(batch::gather);
  }

  /**
   * Calls that show how far a node reaches: its newest block, many times because nodes differ, and
   * logs that nobody has.
   */
  public String reach(Exchange exchange, String address) throws JsonProcessingException {
    List<Map<String, Object>> calls = new ArrayList<>();
    for (int i = 0; i < HEADS; i++) {
      calls.add(call(HEAD + i, "eth_blockNumber"));
    }
    for (long width : WIDTHS) {
      calls.add(
          logs(
              "width" + width, 10_000_000, 10_000_000 + width - 1, address, "0x" + "0".repeat(64)));
    }
    return batch(exchange, calls);
  }

  /**
   * How far a node reaches.
   *
   * @param behind so many blocks behind the oldest of the newest blocks that it named is the last
   *     that may be asked for
   * @return {@code last}, that block, and {@code widest}, how many blocks a call takes at most
   * @throws SourceException where it does not say
   */
  public Map<String, Object> reached(@Body Object body, int behind) throws SourceException {
    Map<String, Map<String, Object>> answers = byId(body);
    long head = Long.MAX_VALUE;
    for (int i = 0; i < HEADS; i++) {
      Map<String, Object> answer =
          answers.getOrDefault(HEAD + i, answers.getOrDefault(null, Map.of()));
      if (!(answer.get("result") instanceof String quantity)) {
        throw new SourceException(
            "polygon did not say which block is its newest"
                + (answer.get("error") == null ? "" : ": " + message(answer)));
      }
      head = Math.min(head, number(quantity));
    }
    String failure = "";
    for (long width : WIDTHS) {
      Map<String, Object> answer = answers.getOrDefault("width" + width, Map.of());
      if (answer.get("result") instanceof List<?>) {
        return Map.of("last", head - behind, "widest", width);
      }
      if (answer.get("error") == null || !tooLarge(answer)) {
        throw new SourceException(
            "polygon did not say how many blocks a call takes"
                + (answer.get("error") == null ? "" : ": " + message(answer)));
      }
      failure = message(answer);
    }
    throw new SourceException("polygon gives no logs: " + failure);
  }
}
