package polymarket.backfill.audit;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import polymarket.backfill.TestBed;

/**
 * What each log of the sandbox's chain is by the truth, and whether a law can see that it is
 * missing. Of the program's tables it reads only which logs and contracts are there, and keeps of
 * each row only what it needs.
 */
final class LogMeanings {
  private static final String CONDITIONAL_TOKENS = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045";
  private static final String NOBODY = "0x" + "0".repeat(40);

  private record Transfer(
      String log, String token, String condition, String from, String to, long amount) {}

  private record Event(
      String name, String condition, String contract, String wallet, long payout, long block) {}

  /** By block and index, as their other keys. */
  private final Map<String, String> kinds = new HashMap<>();

  private final Map<String, String> conditions = new HashMap<>();

  /** Who sent what its owner moved itself. */
  private final Map<String, String> senders = new HashMap<>();

  /** In the chain's order. */
  private final List<Transfer> transfers = new ArrayList<>();

  private final List<Event> events = new ArrayList<>();

  /** Each text once. */
  private final Map<String, String> texts = new HashMap<>();

  LogMeanings(StoredChain stored) {
    stored.meanings(this::add);
    texts.clear();
  }

  private String text(JsonNode row, String name) {
    return one(row.path(name).asText());
  }

  private String one(String text) {
    return texts.computeIfAbsent(text, same -> same);
  }

  private void add(JsonNode row) {
    String log = row.get("block").asLong() + ":" + row.get("log_index").asLong();
    String kind = kind(row);
    // a log of several rows is what its first one is
    if (kind != null && kinds.putIfAbsent(log, one(kind)) == null) {
      conditions.put(log, text(row, "condition_id"));
      if (kind.equals("transfers plain")) {
        senders.put(log, text(row, "from"));
      }
    }
    switch (row.get("kind").asText()) {
      case "transfers" ->
          transfers.add(
              new Transfer(
                  log,
                  text(row, "token_id"),
                  text(row, "condition_id"),
                  text(row, "from"),
                  text(row, "to"),
                  row.get("amount").asLong()));
      case "lifecycle" ->
          events.add(
              new Event(
                  text(row, "event"),
                  text(row, "condition_id"),
                  text(row, "contract"),
                  text(row, "stakeholder"),
                  row.path("payout").asLong(),
                  row.get("block").asLong()));
      default -> {}
    }
  }

  private static String kind(JsonNode row) {
    String kind = row.get("kind").asText();
    return switch (kind) {
      case "fills" ->
          "fills V"
              + row.get("version").asText()
              + (row.get("alone").asBoolean() ? " alone" : " " + row.get("role").asText());
      case "transfers" -> "transfers " + moved(row);
      case "fees" -> row.get("event").asText().equals("FeeRefunded") ? "fees refund" : null;
      case "lifecycle", "amm" ->
          kind
              + " "
              + row.get("event").asText()
              + (row.hasNonNull("contract")
                  ? " " + row.get("contract").asText().substring(0, 8)
                  : "")
              + (row.hasNonNull("conditional_tokens")
                      && !row.get("conditional_tokens").asText().equals(CONDITIONAL_TOKENS)
                  ? " of other tokens"
                  : "");
      default -> null;
    };
  }

  private static String moved(JsonNode row) {
    if (row.get("from").asText().equals(NOBODY)) {
      return "mint";
    }
    if (row.get("to").asText().equals(NOBODY)) {
      return "burn";
    }
    return row.get("operator").asText().equals(row.get("from").asText())
        ? "plain"
        : "of a contract";
  }

  /** The logs that may be taken out, by their kind; after an audit, which lists the contracts. */
  Map<String, List<String>> stored() {
    Set<String> contracts = new HashSet<>();
    TestBed.sql("SELECT concat('0x', lower(hex(address))) AS a FROM default.audit_contracts")
        .forEach(row -> contracts.add((String) row.get("a")));
    Map<String, List<String>> stored = new TreeMap<>();
    TestBed.sql(
            "SELECT concat(toString(block_number), ':', toString(log_index)) AS key FROM (SELECT"
                + " DISTINCT block_number, log_index FROM default.chain_transfers UNION ALL SELECT"
                + " block_number, log_index FROM default.chain_fills UNION ALL SELECT block_number,"
                + " log_index FROM default.chain_lifecycle UNION ALL SELECT block_number, log_index"
                + " FROM default.chain_amm_trades WHERE pool IN (SELECT pool FROM"
                + " default.audit_pools)) ORDER BY key")
        .forEach(
            row -> {
              String log = (String) row.get("key");
              String kind = kind(log, contracts);
              if (kind != null) {
                stored.computeIfAbsent(kind, k -> new ArrayList<>()).add(log);
              }
            });
    return stored;
  }

  /** Whether without some logs a wallet would spend tokens that it does not have. */
  boolean areSpent(Set<String> logs) {
    Set<String> tokens = new HashSet<>();
    transfers.stream().filter(row -> logs.contains(row.log)).forEach(row -> tokens.add(row.token));
    Map<String, Long> balances = new HashMap<>();
    for (Transfer row : transfers) {
      if (tokens.contains(row.token) && !logs.contains(row.log)) {
        if (!row.from.equals(NOBODY)
            && balances.merge(row.token + row.from, -row.amount, Long::sum) < 0) {
          return true;
        }
        balances.merge(row.token + row.to, row.amount, Long::sum);
      }
    }
    return false;
  }

  /**
   * What kind of log it is; null for one of no table.
   *
   * @param log its block and index
   * @param contracts addresses that move what others own, also in their own name
   */
  private String kind(String log, Set<String> contracts) {
    return contracts.contains(senders.getOrDefault(log, ""))
        ? "transfers of a contract"
        : kinds.get(log);
  }

  /**
   * Whether a law can see that a log is missing: of the kinds that only matter for what happens
   * later, something has to happen later.
   */
  boolean isSeen(String kind, String log) {
    String condition = conditions.get(log);
    return switch (kind) {
      case "transfers plain" ->
          transfers.stream().filter(row -> row.log.equals(log)).anyMatch(this::isMissed);
      case "lifecycle ConditionPreparation" ->
          events.stream()
              .anyMatch(event -> isOf(event, condition, "Position", "Payout", "Question"));
      case "lifecycle ConditionResolution" ->
          events.stream()
              .anyMatch(
                  event ->
                      isOf(event, condition, "OutcomeReported", "QuestionPrepared")
                          || isOf(event, condition, "PayoutRedemption") && event.payout > 0);
      case "lifecycle ConditionResolved" ->
          events.stream()
              .anyMatch(event -> isOf(event, condition, "PositionRedeemed") && event.payout > 0);
      default -> true;
    };
  }

  private static boolean isOf(Event event, String condition, String... names) {
    return event.condition.equals(condition)
        && List.of(names).stream().anyMatch(event.name::startsWith);
  }

  /**
   * Whether a balance cannot be without a plain transfer: its receiver spends the tokens later, or
   * its sender redeems the condition itself and would have some left.
   */
  private boolean isMissed(Transfer moved) {
    long balance = 0;
    for (Transfer row : transfers) {
      if (row != moved && row.token.equals(moved.token)) {
        balance += row.to.equals(moved.to) ? row.amount : 0;
        balance -= row.from.equals(moved.to) ? row.amount : 0;
        if (balance < 0) {
          return true;
        }
      }
    }
    long block = Long.parseLong(moved.log.split(":")[0]);
    return events.stream()
        .anyMatch(
            event ->
                isOf(event, moved.condition, "PayoutRedemption")
                    && event.wallet.equals(moved.from)
                    && event.contract.equals(CONDITIONAL_TOKENS)
                    && event.block >= block);
  }
}
