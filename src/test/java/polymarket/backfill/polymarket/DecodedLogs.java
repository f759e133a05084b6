package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.esaulpaugh.headlong.abi.Address;
import com.esaulpaugh.headlong.abi.Event;
import com.esaulpaugh.headlong.abi.Tuple;
import com.esaulpaugh.headlong.abi.TupleType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import polymarket.backfill.TestBed;

/**
 * The rows that the chain's four tables have to hold for some logs, each with every column, decoded
 * by an independent ABI library from the declarations in the list of contracts.
 */
public final class DecodedLogs {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HexFormat HEX = HexFormat.of();
  private static final String ZEROS = "0".repeat(64);

  /** {@code OrdersMatched} of the exchanges: a match, in which the taker has a row of its own. */
  private static final Set<String> MATCHED =
      Set.of(
          "0x63bf4d16b7fa898ef4c4b2b6d90fd201e9c56313b65638af6088d149d2ce956c",
          "0x174b3811690657c217184f89418266767c87e4805d09680c39fc9c031c0cab7c");

  /** A line of the list of contracts: an event of a contract. */
  record Line(
      String dataset,
      String table,
      String kind,
      String version,
      String address,
      String layout,
      String topic0,
      String event) {

    static List<Line> all() {
      try {
        return Files.readAllLines(
                TestBed.PROJECT.resolve("src/main/resources/polymarket/chain-contracts.tsv"))
            .stream()
            .filter(line -> !line.startsWith("#") && !line.startsWith("dataset\t"))
            .map(line -> line.split("\t"))
            .map(f -> new Line(f[0], f[1], f[2], f[4], f[5], f[7], f[8], f[9]))
            .toList();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    String name() {
      return event.substring(0, event.indexOf('('));
    }

    String[] parameters() {
      return event.substring(event.indexOf('(') + 1, event.length() - 1).split(", ");
    }

    Event<Tuple> independent() {
      String[] parts = parameters();
      boolean[] indexed = new boolean[parts.length];
      for (int k = 0; k < parts.length; k++) {
        indexed[k] = parts[k].contains(" indexed ");
      }
      String types =
          Stream.of(parts).map(p -> p.split(" ")[0]).collect(Collectors.joining(",", "(", ")"));
      return Event.create(name(), TupleType.parse(types), indexed);
    }
  }

  private final Map<String, List<String>> rows = new LinkedHashMap<>();
  private final Map<String, Line> lines = new HashMap<>();
  private final Set<String> exchanges = new HashSet<>();
  private int logs;

  /**
   * @param logs as a node writes them, of any contracts and events
   * @param datasets whose rows are expected
   */
  public DecodedLogs(List<String> logs, Collection<String> datasets) {
    List.of("fills", "transfers", "amm_trades", "lifecycle")
        .forEach(table -> rows.put(table, new ArrayList<>()));
    for (Line line : Line.all()) {
      if (line.table().equals("fills")) {
        exchanges.add(line.address());
      }
      if (datasets.contains(line.dataset())) {
        lines.put(line.address() + line.topic0(), line);
      }
    }
    Set<String> matches = new HashSet<>();
    List<JsonNode> all = new ArrayList<>();
    for (String text : logs) {
      JsonNode log = json(text);
      all.add(log);
      if (MATCHED.contains(topic(log, 0))) {
        matches.add(log.get("transactionHash").asText());
      }
    }
    for (JsonNode log : all) {
      Line line = lines.get(log.get("address").asText() + topic(log, 0));
      line = line == null ? lines.get("any" + topic(log, 0)) : line;
      if (line != null) {
        this.logs++;
        add(line, log, matches.contains(log.get("transactionHash").asText()));
      }
    }
  }

  /** How many of the logs are of the datasets. */
  public int logs() {
    return logs;
  }

  private static JsonNode json(String text) {
    try {
      return JSON.readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String topic(JsonNode log, int n) {
    return log.path("topics").path(n).asText();
  }

  private void add(Line line, JsonNode log, boolean match) {
    Map<String, String> row = new TreeMap<>();
    row.put("block_number", "" + Long.decode(log.get("blockNumber").asText()));
    row.put("block_time", "" + Long.decode(log.get("blockTimestamp").asText()));
    row.put("transaction_hash", log.get("transactionHash").asText());
    row.put("log_index", "" + Long.decode(log.get("logIndex").asText()));
    String address = log.get("address").asText();
    Map<String, Object> said = line.layout().equals("known") ? decoded(line, log) : Map.of();
    switch (line.table()) {
      case "fills" -> fill(line, row, address, said, match);
      case "transfers" -> transfers(row, address, said);
      case "amm" -> amm(line, row, address, said);
      default -> lifecycle(line, row, address, said, log);
    }
  }

  private static Map<String, Object> decoded(Line line, JsonNode log) {
    byte[][] topics = new byte[log.get("topics").size()][];
    for (int k = 0; k < topics.length; k++) {
      topics[k] = HEX.parseHex(topic(log, k).substring(2));
    }
    Tuple values =
        line.independent().decodeArgs(topics, HEX.parseHex(log.get("data").asText().substring(2)));
    Map<String, Object> said = new HashMap<>();
    String[] parts = line.parameters();
    for (int k = 0; k < parts.length; k++) {
      said.put(parts[k].substring(parts[k].lastIndexOf(' ') + 1), values.get(k));
    }
    return said;
  }

  /** A value as the tables' text; ids of fewer than 32 bytes are filled with zeros. */
  private static String text(Object value) {
    if (value instanceof Address address) {
      return address.toString().toLowerCase();
    }
    if (value instanceof byte[] bytes) {
      return "0x" + HEX.formatHex(Arrays.copyOf(bytes, 32));
    }
    if (value instanceof Object[] all) {
      return Stream.of(all).map(DecodedLogs::text).collect(Collectors.joining(",", "[", "]"));
    }
    return value instanceof Boolean flag ? (flag ? "1" : "0") : value.toString();
  }

  private void fill(
      Line line, Map<String, String> row, String address, Map<String, Object> said, boolean match) {
    boolean buys =
        line.kind().equals("assets")
            ? said.get("maker_asset").equals(BigInteger.ZERO)
            : said.get("side").equals(0);
    Object token =
        line.kind().equals("assets")
            ? said.get(buys ? "taker_asset" : "maker_asset")
            : said.get("token_id");
    BigInteger shares = (BigInteger) said.get(buys ? "taker_amount" : "maker_amount");
    BigInteger collateral = (BigInteger) said.get(buys ? "maker_amount" : "taker_amount");
    boolean taker = exchanges.contains(text(said.get("counterparty")));
    row.put("exchange", address);
    row.put("version", line.version());
    row.put("order_hash", text(said.get("order_hash")));
    row.put("owner", text(said.get("wallet")));
    row.put("counterparty", text(said.get("counterparty")));
    row.put("role", taker ? "taker" : "maker");
    row.put("taker_order", taker || !match ? "true" : "false");
    row.put("side", buys ? "BUY" : "SELL");
    row.put("token_id", text(token));
    row.put("shares", text(shares));
    row.put("collateral", text(collateral));
    row.put("fee", text(said.get("fee")));
    row.put("builder", said.containsKey("builder") ? text(said.get("builder")) : "0x" + ZEROS);
    row.put(
        "price",
        shares.signum() == 0
            ? "NULL"
            : plain(
                new BigDecimal(collateral).divide(new BigDecimal(shares), 18, RoundingMode.DOWN)));
    rows.get("fills").add(row.toString());
  }

  private static String plain(BigDecimal number) {
    return number.signum() == 0 ? "0" : number.stripTrailingZeros().toPlainString();
  }

  private void transfers(Map<String, String> row, String address, Map<String, Object> said) {
    Object[] ids =
        said.containsKey("numbers")
            ? (Object[]) said.get("numbers")
            : new Object[] {said.get("token_id")};
    Object[] amounts =
        said.containsKey("amounts")
            ? (Object[]) said.get("amounts")
            : new Object[] {said.get("amount")};
    row.put("contract", address);
    row.put("operator", text(said.get("operator")));
    row.put("sender", text(said.get("wallet")));
    row.put("receiver", text(said.get("recipient")));
    for (int k = 0; k < ids.length; k++) {
      row.put("batch_index", "" + k);
      row.put("token_id", text(ids[k]));
      row.put("amount", text(amounts[k]));
      rows.get("transfers").add(row.toString());
    }
  }

  private static String value(Map<String, Object> said, String name, String otherwise) {
    return said.containsKey(name) ? text(said.get(name)) : otherwise;
  }

  private void amm(Line line, Map<String, String> row, String address, Map<String, Object> said) {
    row.put("pool", address);
    row.put("kind", line.kind());
    row.put("wallet", text(said.get("wallet")));
    row.put("outcome_index", value(said, "outcome_index", "-1"));
    row.put("shares", value(said, "amount", "0"));
    row.put("collateral", value(said, "collateral_amount", "0"));
    row.put("fee", value(said, "fee", "0"));
    row.put("amounts", value(said, "amounts", "[]"));
    row.put("pool_shares", value(said, "pool_shares", "0"));
    rows.get("amm_trades").add(row.toString());
  }

  private void lifecycle(
      Line line, Map<String, String> row, String address, Map<String, Object> said, JsonNode log) {
    row.put("dataset", line.dataset());
    row.put("kind", line.kind());
    row.put("event", line.name());
    row.put("contract", address);
    row.put("version", line.version());
    for (String name :
        List.of(
            "wallet", "recipient", "other_recipient", "oracle", "pool", "tokens", "collateral")) {
      row.put(name, value(said, name, "0x" + ZEROS.substring(24)));
    }
    for (String name :
        List.of(
            "condition_id",
            "market_id",
            "question_id",
            "parent_id",
            "legacy_condition_id",
            "order_hash")) {
      row.put(name, value(said, name, "0x" + ZEROS));
    }
    for (String name : List.of("token_id", "other_token_id", "amount", "payout", "fee", "number")) {
      row.put(name, value(said, name, "0"));
    }
    for (String name : List.of("numbers", "amounts", "conditions")) {
      row.put(name, value(said, name, "[]"));
    }
    StringBuilder undecoded = new StringBuilder("0x");
    if (!line.layout().equals("known")) {
      for (int k = 1; k < log.get("topics").size(); k++) {
        undecoded.append(topic(log, k).substring(2));
      }
      undecoded.append(log.get("data").asText().substring(2));
    }
    row.put("undecoded", undecoded.toString());
    rows.get("lifecycle").add(row.toString());
  }

  // ---- what is stored

  /** Compares every column of every row of the four tables; none may be there twice. */
  public void assertStored() {
    rows.forEach(
        (table, expected) -> {
          List<String> stored = stored("chain_" + table);
          Map<String, Integer> differ = new TreeMap<>();
          expected.forEach(row -> differ.merge(row, 1, Integer::sum));
          stored.forEach(row -> differ.merge(row, -1, Integer::sum));
          differ.values().removeIf(count -> count == 0);
          assertEquals(
              List.of(),
              differ.entrySet().stream()
                  .limit(4)
                  .map(row -> (row.getValue() > 0 ? "not stored " : "not expected ") + row)
                  .toList(),
              table + ": " + differ.size() + " rows differ of " + expected.size());
        });
  }

  private static List<String> stored(String table) {
    Map<String, String> columns = new TreeMap<>();
    for (Map<String, Object> column :
        TestBed.sql(
            "SELECT name, type FROM system.columns WHERE database = 'default' AND table = '"
                + table
                + "' AND name NOT IN ('batch', 'fetched_at')")) {
      String name = (String) column.get("name");
      String type = (String) column.get("type");
      String hex = "concat('0x', lower(hex(%s)))";
      columns.put(
          name,
          type.startsWith("Array(FixedString")
              ? "concat('[', arrayStringConcat(arrayMap(x -> "
                  + String.format(hex, "x")
                  + ", "
                  + name
                  + "), ','), ']')"
              : type.contains("FixedString") || name.equals("undecoded")
                  ? String.format(hex, name)
                  : type.contains("DateTime")
                      ? "toString(toUnixTimestamp(" + name + "))"
                      : "toString(" + name + ")");
    }
    String text =
        columns.entrySet().stream()
            .map(column -> "'" + column.getKey() + "=', ifNull(" + column.getValue() + ", 'NULL')")
            .collect(Collectors.joining(", ', ', ", "concat('{', ", ", '}')"));
    return TestBed.sql("SELECT " + text + " AS one FROM default." + table).stream()
        .map(row -> (String) row.get("one"))
        .toList();
  }
}
