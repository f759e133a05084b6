package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.esaulpaugh.headlong.abi.Address;
import com.esaulpaugh.headlong.abi.Event;
import com.esaulpaugh.headlong.abi.Tuple;
import com.esaulpaugh.headlong.abi.TupleType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bouncycastle.jcajce.provider.digest.Keccak;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.Views;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/** chain-tables.sql: what the tables of the chain make of logs. */
class ChainTablesIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HexFormat HEX = HexFormat.of();
  private static final String CTF = "0x4d97dcd97ec945f40cf65f87097ace5ea0476045";
  private static final String EXCHANGE_V1 = "0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e";
  private static final String EXCHANGE_V2 = "0xe111180000d2663c0091e4f400237545b87b996b";
  private int index;

  @BeforeEach
  void emptyTables() {
    TestBed.empty();
    Views.create(TestBed.clickHouse(), "chain");
  }

  private static void insert(List<String> logs) {
    TestBed.clickHouse()
        .insert(
            "default.chain_from_polygon",
            String.join("\n", logs).getBytes(StandardCharsets.UTF_8),
            "t" + logs.hashCode());
  }

  /** A log with the next index of block 90,000,000. */
  private String log(String address, List<String> topics, String data) {
    ObjectNode log = JSON.createObjectNode().put("address", address).put("data", data);
    log.set("topics", JSON.valueToTree(topics));
    return log.put("blockNumber", "0x55d4a80")
        .put("blockTimestamp", "0x6a6b6545")
        .put("transactionHash", "0x" + "ab".repeat(32))
        .put("logIndex", "0x" + Integer.toHexString(index++))
        .toString();
  }

  private static final String HEXED = "concat('0x', lower(hex(%s)))";

  private static String hex(String column) {
    return String.format(HEXED, column) + " AS " + column;
  }

  /** The one row of a table for a block and log. */
  private static Map<String, Object> row(String columns, String table, long block, long log) {
    List<Map<String, Object>> rows =
        TestBed.sql(
            "SELECT "
                + columns
                + " FROM default."
                + table
                + " WHERE block_number = "
                + block
                + " AND log_index = "
                + log);
    assertEquals(1, rows.size(), table + " " + block + " " + log);
    return new TreeMap<>(rows.get(0));
  }

  // ---- recorded logs

  private static Path shared(String name) {
    Path file = TestBed.PROJECT.resolveSibling("shared").resolve(name);
    assumeTrue(Files.exists(file), "SKIPPED: " + name + " is not beside the checkout");
    return file;
  }

  @Test
  void everyRecordedLog_isDecodedToItsWrittenMeaning() throws IOException {
    List<String> logs = new ArrayList<>();
    List<JsonNode> meanings = new ArrayList<>();
    for (String file :
        List.of("v1-orderfilled", "v2-orderfilled", "ctf-lifecycle", "negrisk-adapter")) {
      for (JsonNode match :
          JSON.readTree(shared("recorded/polygon/fills/" + file + ".json").toFile())) {
        for (JsonNode row : match.get("rows")) {
          ObjectNode log = row.get("log").deepCopy();
          // two have none in their source
          if (!log.hasNonNull("logIndex")) {
            log.put("logIndex", "0x" + Integer.toHexString(70_000 + logs.size()));
          }
          log.remove("blockHash");
          logs.add(log.toString());
          ((ObjectNode) row.get("decoded")).put("index", number(log.get("logIndex")));
          ((ObjectNode) row.get("decoded")).put("block", number(log.get("blockNumber")));
          meanings.add(row.get("decoded"));
        }
      }
    }
    insert(logs);
    int compared = 0;
    for (JsonNode meaning : meanings) {
      String event = meaning.get("event").asText();
      if (event.startsWith("OrderFilled")) {
        compareFill(meaning);
      } else if (event.startsWith("Transfer")) {
        compareTransfers(meaning);
      } else if (!event.startsWith("OrdersMatched")) {
        compareLifecycle(meaning);
      } else {
        // a repeat of the taker's row, which is not asked for
        row(
            "reason",
            "chain_rejected",
            meaning.get("block").asLong(),
            meaning.get("index").asLong());
      }
      compared++;
    }
    assertEquals(31, compared);
  }

  private static long number(JsonNode hex) {
    return Long.parseLong(hex.asText().substring(2), 16);
  }

  private static void compareFill(JsonNode meaning) {
    Map<String, Object> stored =
        row(
            hex("order_hash")
                + ", "
                + hex("owner")
                + ", "
                + hex("counterparty")
                + ", role, side, toString(token_id) AS token, shares, collateral, fee,"
                + " toFloat64(price) AS price, version, "
                + hex("builder")
                + ", toUnixTimestamp(block_time) AS time",
            "chain_fills",
            meaning.get("block").asLong(),
            meaning.get("index").asLong());
    assertEquals(meaning.get("orderHash").asText(), stored.get("order_hash"));
    assertEquals(meaning.get("owner").asText(), stored.get("owner"));
    assertEquals(meaning.get("counterparty").asText(), stored.get("counterparty"));
    assertEquals(meaning.get("role").asText(), stored.get("role"));
    assertEquals(meaning.get("side").asText(), stored.get("side"));
    assertEquals(meaning.get("tokenId").asText(), stored.get("token"));
    for (String amount : List.of("shares", "collateral", "fee")) {
      assertEquals(meaning.get(amount).asText(), stored.get(amount).toString(), amount);
    }
    assertEquals(meaning.get("price").asDouble(), (Double) stored.get("price"), 1e-6);
    if (meaning.has("builder")) {
      assertEquals(meaning.get("builder").asText(), stored.get("builder"));
    }
    assertTrue(meaning.get("event").asText().contains(stored.get("version").toString()));
  }

  private static void compareTransfers(JsonNode meaning) {
    List<Map<String, Object>> stored =
        TestBed.sql(
            "SELECT "
                + hex("operator")
                + ", "
                + hex("sender")
                + ", "
                + hex("receiver")
                + ", toString(token_id) AS token, toString(amount) AS n FROM"
                + " default.chain_transfers WHERE block_number = "
                + meaning.get("block")
                + " AND log_index = "
                + meaning.get("index")
                + " ORDER BY batch_index");
    assertEquals(meaning.get("ids").size(), stored.size());
    for (int k = 0; k < stored.size(); k++) {
      assertEquals(meaning.get("operator").asText(), stored.get(k).get("operator"));
      assertEquals(meaning.get("from").asText(), stored.get(k).get("sender"));
      assertEquals(meaning.get("to").asText(), stored.get(k).get("receiver"));
      assertEquals(meaning.get("ids").get(k).asText(), stored.get(k).get("token"));
      assertEquals(meaning.get("values").get(k).asText(), stored.get(k).get("n"));
    }
  }

  private static final Map<String, String> COLUMNS =
      Map.ofEntries(
          Map.entry("stakeholder", String.format(HEXED, "wallet")),
          Map.entry("redeemer", String.format(HEXED, "wallet")),
          Map.entry("parentCollectionId", String.format(HEXED, "parent_id")),
          Map.entry("conditionId", String.format(HEXED, "condition_id")),
          Map.entry("collateralToken", String.format(HEXED, "collateral")),
          Map.entry("marketId", String.format(HEXED, "market_id")),
          Map.entry("questionId", String.format(HEXED, "question_id")),
          Map.entry("oracle", String.format(HEXED, "oracle")),
          Map.entry("amount", "toString(amount)"),
          Map.entry("payout", "toString(payout)"),
          Map.entry("partition", "toString(numbers)"),
          Map.entry("indexSets", "toString(numbers)"),
          Map.entry("amounts", "toString(amounts)"),
          Map.entry("payoutNumerators", "toString(amounts)"),
          Map.entry("outcomeSlotCount", "toString(number)"),
          Map.entry("indexSet", "concat('0x', lower(leftPad(hex(number), 64, '0')))"));

  private static void compareLifecycle(JsonNode meaning) {
    for (Map.Entry<String, String> column : COLUMNS.entrySet()) {
      if (meaning.has(column.getKey())) {
        JsonNode value = meaning.get(column.getKey());
        assertEquals(
            value.isArray() ? value.toString() : value.asText(),
            row(
                    column.getValue() + " AS it",
                    "chain_lifecycle",
                    meaning.get("block").asLong(),
                    meaning.get("index").asLong())
                .get("it"),
            meaning.get("event") + " " + column.getKey());
      }
    }
  }

  // ---- every event of the list, encoded by an independent library

  /** A value of a type that differs from parameter to parameter. */
  private static Object value(String type, String name, int k) {
    BigInteger number = BigInteger.valueOf(1_000_003L * (k + 1));
    return switch (type) {
      case "address" ->
          Address.wrap(
              Address.toChecksumAddress("0x" + HEX.toHexDigits((byte) (17 + k)).repeat(20)));
      case "uint256" ->
          List.of("number", "outcome_index", "maker_asset").contains(name)
              ? BigInteger.valueOf(name.equals("maker_asset") ? 0 : 2)
              : number;
      case "uint8" -> 1;
      case "bool" -> true;
      case "bytes" -> new byte[] {1, 2, 3};
      case "uint256[]" -> new BigInteger[] {number, number.shiftLeft(200)};
      case "bytes32[]" -> new byte[][] {fixed(32, k), fixed(32, k + 1)};
      case "address[]" -> new Address[0];
      default -> fixed(Integer.parseInt(type.substring(5)), k);
    };
  }

  private static String keccak(String text) {
    return HEX.formatHex(new Keccak.Digest256().digest(text.getBytes(StandardCharsets.US_ASCII)));
  }

  private static byte[] fixed(int length, int k) {
    byte[] bytes = new byte[length];
    java.util.Arrays.fill(bytes, (byte) (0xa0 + k));
    return bytes;
  }

  private static String text(Object value) {
    if (value instanceof Address address) {
      return address.toString().toLowerCase();
    }
    if (value instanceof byte[] bytes) {
      return "0x" + HEX.formatHex(java.util.Arrays.copyOf(bytes, 32));
    }
    if (value instanceof byte[][] all) {
      return Stream.of(all).map(ChainTablesIT::text).toList().toString().replace(" ", "");
    }
    if (value instanceof Object[] all) {
      return Stream.of(all).map(Object::toString).toList().toString().replace(" ", "");
    }
    return value instanceof Boolean flag ? (flag ? "1" : "0") : value.toString();
  }

  /** How a parameter of that name is read back from the table of its event; null: not kept. */
  private static String column(DecodedLogs.Line line, String name) {
    if (line.table().equals("fills")) {
      return switch (name) {
        case "wallet" -> String.format(HEXED, "owner");
        case "counterparty", "order_hash", "builder" -> String.format(HEXED, name);
        case "taker_asset", "token_id" -> "toString(token_id)";
        case "maker_amount" -> "toString(if(side = 'BUY', collateral, shares))";
        case "taker_amount" -> "toString(if(side = 'BUY', shares, collateral))";
        case "side" -> "toString(CAST(side AS Int8))";
        case "fee" -> "toString(fee)";
        default -> null;
      };
    }
    if (line.table().equals("amm")) {
      return switch (name) {
        case "wallet" -> String.format(HEXED, name);
        case "collateral_amount" -> "toString(collateral)";
        case "amount" -> "toString(shares)";
        default -> "toString(" + name + ")";
      };
    }
    return switch (name) {
      case "text" -> null;
      case "amount",
          "payout",
          "fee",
          "number",
          "numbers",
          "amounts",
          "token_id",
          "other_token_id" ->
          "toString(" + name + ")";
      case "conditions" ->
          "concat('[', arrayStringConcat(arrayMap(c -> concat('0x', lower(hex(c))), conditions),"
              + " ','), ']')";
      default -> String.format(HEXED, name);
    };
  }

  @Test
  void everyEventOfTheList_isReadByItsNames_asAnIndependentLibraryWroteIt() throws IOException {
    List<DecodedLogs.Line> lines = DecodedLogs.Line.all();
    List<String> logs = new ArrayList<>();
    List<Tuple> arguments = new ArrayList<>();
    for (DecodedLogs.Line line : lines) {
      Event<Tuple> event = line.independent();
      assertEquals(line.topic0(), "0x" + keccak(event.getCanonicalSignature()), line.event());
      String[] parts = line.parameters();
      Object[] values = new Object[parts.length];
      List<String> topics = new ArrayList<>(List.of(line.topic0()));
      List<Object> data = new ArrayList<>();
      for (int k = 0; k < parts.length; k++) {
        String[] words = parts[k].split(" ");
        values[k] = value(words[0], words[words.length - 1], k);
        if (words.length == 3) {
          topics.add(
              "0x"
                  + HEX.formatHex(
                      TupleType.parse("(" + words[0] + ")").encode(Tuple.from(values[k])).array()));
        } else {
          data.add(values[k]);
        }
      }
      arguments.add(Tuple.from(values));
      logs.add(
          log(
              line.address().equals("any") ? "0x" + "77".repeat(20) : line.address(),
              topics,
              "0x"
                  + HEX.formatHex(
                      event.getNonIndexedParams().encode(Tuple.from(data.toArray())).array())));
    }
    insert(logs);
    assertEquals(
        "[]", TestBed.sql("SELECT reason, log_index FROM default.chain_rejected").toString());
    TreeSet<String> checked = new TreeSet<>();
    for (int i = 0; i < lines.size(); i++) {
      DecodedLogs.Line line = lines.get(i);
      if (line.table().equals("transfers")) {
        checkTransfers(line, arguments.get(i), i);
      } else if (line.layout().equals("types")) {
        assertEquals(
            JSON.readTree(logs.get(i)).get("data").asText(),
            row(String.format(HEXED, "undecoded") + " AS it", "chain_lifecycle", 90_000_000, i)
                .get("it"),
            line.event());
      } else {
        String[] parts = line.parameters();
        for (int k = 0; k < parts.length; k++) {
          String name = parts[k].substring(parts[k].lastIndexOf(' ') + 1);
          String column = column(line, name);
          if (column != null) {
            String table =
                line.table().equals("amm") ? "chain_amm_trades" : "chain_" + line.table();
            assertEquals(
                text(arguments.get(i).get(k)),
                row(column + " AS it", table, 90_000_000, i).get("it"),
                line.event() + " " + name);
            checked.add(table + " " + name);
          }
        }
      }
    }
    assertTrue(checked.size() > 30, checked.toString());
  }

  private static void checkTransfers(DecodedLogs.Line line, Tuple arguments, int log) {
    boolean single = line.name().equals("TransferSingle");
    Object[] ids = single ? new Object[] {arguments.get(3)} : arguments.get(3);
    Object[] amounts = single ? new Object[] {arguments.get(4)} : arguments.get(4);
    List<Map<String, Object>> stored =
        TestBed.sql(
            "SELECT batch_index, "
                + hex("operator")
                + ", "
                + hex("sender")
                + ", "
                + hex("receiver")
                + ", toString(token_id) AS token, toString(amount) AS n FROM"
                + " default.chain_transfers WHERE log_index = "
                + log
                + " ORDER BY batch_index");
    assertEquals(ids.length, stored.size());
    for (int k = 0; k < ids.length; k++) {
      assertEquals(String.valueOf(k), stored.get(k).get("batch_index").toString());
      assertEquals(text(arguments.get(0)), stored.get(k).get("operator"));
      assertEquals(text(arguments.get(1)), stored.get(k).get("sender"));
      assertEquals(text(arguments.get(2)), stored.get(k).get("receiver"));
      assertEquals(ids[k].toString(), stored.get(k).get("token"));
      assertEquals(amounts[k].toString(), stored.get(k).get("n"));
    }
  }

  // ---- logs that are not what their signature promises

  private static String word(String hex) {
    return "0".repeat(64 - hex.length()) + hex;
  }

  @Test
  void aLogThatIsNotWhatItsSignaturePromises_isKeptWithTheReason_andCostsNoOther()
      throws IOException {
    String filled1 = topic("OrderFilled", "maker_asset");
    String filled2 = topic("OrderFilled", "side");
    String single = topic("TransferSingle", "token_id");
    String batch = topic("TransferBatch", "numbers");
    String resolution = topic("ConditionResolution", "amounts");
    String a = "0x" + word("a".repeat(40));
    String wide = "0x" + "1".repeat(64);
    List<String> cases = new ArrayList<>();
    List<String> logs = new ArrayList<>();
    java.util.function.BiConsumer<String, String> add =
        (reason, log) -> {
          cases.add(reason);
          logs.add(log);
        };
    String five = "0x" + word("") + word("5") + word("6") + word("7") + word("0");
    add.accept("", log(EXCHANGE_V1, List.of(filled1, wide, a, a), five));
    add.accept("list of contracts", log(CTF, List.of(filled1, wide, a, a), five));
    add.accept(
        "list of contracts",
        log("0x93f0a57b" + "0".repeat(31) + "1", List.of(filled2, wide, a, a), five));
    add.accept("list of contracts", log(EXCHANGE_V1, List.of(), five));
    // an id of another length than it must have
    add.accept("list of contracts", log(EXCHANGE_V1, List.of(filled1, wide + "11", a, a), five));
    add.accept(
        "list of contracts", log(EXCHANGE_V1, List.of(filled1, wide.substring(0, 64), a, a), five));
    add.accept("list of contracts", log(EXCHANGE_V1 + "ff", List.of(filled1, wide, a, a), five));
    add.accept("number of topics", log(EXCHANGE_V1, List.of(filled1, wide, a), five));
    add.accept(
        "shorter or longer",
        log(EXCHANGE_V1, List.of(filled1, wide, a, a), five.substring(0, 200)));
    add.accept(
        "shorter or longer", log(EXCHANGE_V1, List.of(filled1, wide, a, a), five + word("1")));
    add.accept("wider than its type", log(EXCHANGE_V1, List.of(filled1, wide, wide, a), five));
    add.accept(
        "neither side is collateral",
        log(EXCHANGE_V1, List.of(filled1, wide, a, a), "0x" + word("4") + five.substring(66)));
    add.accept(
        "more than 64 bits",
        log(
            EXCHANGE_V1,
            List.of(filled1, wide, a, a),
            "0x" + word("") + word("5") + "f".repeat(64) + word("7") + word("0")));
    add.accept(
        "neither BUY nor SELL",
        log(EXCHANGE_V2, List.of(filled2, wide, a, a), "0x" + word("2") + word("5").repeat(6)));
    add.accept("", log(CTF, List.of(single, a, a, a), "0x" + word("5") + "f".repeat(64)));
    add.accept(
        "wider than its type", log(CTF, List.of(single, a, wide, a), "0x" + word("5") + word("6")));
    add.accept(
        "beyond the data",
        log(CTF, List.of(batch, a, a, a), "0x" + word("40") + word("ffffffff") + word("0")));
    add.accept("beyond the data", log(CTF, List.of(batch, a, a, a), "0x" + "f".repeat(128)));
    add.accept(
        "beyond the data",
        log(
            CTF,
            List.of(batch, a, a, a),
            "0x" + word("40") + word("60") + "f".repeat(64) + word("0")));
    add.accept(
        "as many ids as amounts",
        log(
            CTF,
            List.of(batch, a, a, a),
            "0x" + word("40") + word("80") + word("1") + word("7") + word("0")));
    add.accept(
        "moves no token",
        log(CTF, List.of(batch, a, a, a), "0x" + word("40") + word("60") + word("0") + word("0")));
    add.accept(
        "as many payouts",
        log(
            CTF,
            List.of(resolution, wide, a, wide),
            "0x" + word("3") + word("40") + word("1") + word("1")));
    insert(logs);
    for (int i = 0; i < cases.size(); i++) {
      List<Map<String, Object>> rejected =
          TestBed.sql("SELECT reason FROM default.chain_rejected WHERE log_index = " + i);
      assertEquals(
          cases.get(i).isEmpty() ? 0 : 1, rejected.size(), i + " " + cases.get(i) + rejected);
      if (!rejected.isEmpty()) {
        assertTrue(
            rejected.get(0).get("reason").toString().contains(cases.get(i)), i + " " + rejected);
      }
    }
    assertEquals(1, TestBed.number("SELECT count() FROM default.chain_fills"));
    assertEquals(1, TestBed.number("SELECT count() FROM default.chain_transfers"));
  }

  private static String topic(String event, String parameter) throws IOException {
    return DecodedLogs.Line.all().stream()
        .filter(line -> line.name().equals(event) && line.event().contains(" " + parameter))
        .findFirst()
        .orElseThrow()
        .topic0();
  }

  // ---- the whole of the sandbox's chain

  @Test
  void everyRowOfTheSandboxsTruth_isInTheTables_andNothingElse() throws Exception {
    SandboxOptions options =
        new SandboxOptions()
            .conditions(400)
            .wallets(60)
            .fillsPerMarket(10)
            .blockSeconds(2000)
            .limits(0);
    try (Sandbox sandbox = Sandbox.start(options)) {
      long from = sandbox.firstBlock();
      List<String> logs =
          sandbox.truth().lines("logs?address=all&from=" + from + "&to=" + sandbox.head(), "");
      insert(logs);
      new DecodedLogs(logs, List.of("conditions", "transfers", "fills", "amm", "lifecycle"))
          .assertStored();
      TestBed.clickHouse()
          .execute("CREATE TABLE default.truth (j String) ENGINE = MergeTree ORDER BY tuple()");
      TestBed.clickHouse()
          .insert(
              "default.truth",
              sandbox.truth().lines("chain", "").stream()
                  .map(line -> JSON.createObjectNode().put("j", line).toString())
                  .collect(Collectors.joining("\n"))
                  .getBytes(StandardCharsets.UTF_8),
              "truth");
    }
    same(
        "fills",
        truth(
            "fills",
            n("block", "log_index", "time")
                + ", "
                + s(
                    "tx",
                    "exchange",
                    "order_hash",
                    "owner",
                    "counterparty",
                    "side",
                    "token_id",
                    "builder")
                + ", concat('V', toString("
                + n("version")
                + ")), "
                + n("shares", "collateral", "fee")
                + ", if("
                + s("role")
                + " = 'taker', 'taker', 'maker'), toUInt8("
                + s("role")
                + " = 'taker' OR JSONExtractBool(j, 'alone'))"),
        "SELECT block_number, log_index, toUnixTimestamp(block_time), "
            + hexed("transaction_hash", "exchange", "order_hash", "owner", "counterparty")
            + ", toString(side), toString(token_id), "
            + hexed("builder")
            + ", toString(version), shares, collateral, fee, toString(role), toUInt8(taker_order)"
            + " FROM default.chain_fills");
    same(
        "transfers",
        truth(
            "transfers",
            n("block", "log_index", "batch_index", "time")
                + ", "
                + s("tx", "contract", "operator", "from", "to", "token_id")
                + ", "
                + n("amount")),
        "SELECT block_number, log_index, batch_index, toUnixTimestamp(block_time), "
            + hexed("transaction_hash", "contract", "operator", "sender", "receiver")
            + ", toString(token_id), toUInt64(amount) FROM default.chain_transfers");
    assertEquals(
        0, TestBed.number("SELECT count() FROM default.chain_rejected WHERE dataset != ''"));
    String events =
        "SELECT "
            + n("block", "log_index", "time")
            + ", "
            + s("tx", "event")
            + " FROM default.truth";
    same(
        "lifecycle",
        events + " WHERE " + s("kind") + " = 'lifecycle'",
        // the truth has no rows for what repeats another row
        "SELECT block_number, log_index, toUnixTimestamp(block_time), "
            + hexed("transaction_hash")
            + ", toString(event) FROM default.chain_lifecycle WHERE kind NOT IN ('outcome',"
            + " 'report', 'pool', 'fee refund')");
    assertEquals(
        "[]",
        TestBed.sql(
                "SELECT j FROM (SELECT *, "
                    + n("block")
                    + " AS block_number, toUInt32("
                    + n("log_index")
                    + ") AS log_index FROM default.truth WHERE "
                    + s("kind")
                    + " = 'lifecycle' AND JSONHas(j, 'stakeholder')) AS t INNER JOIN"
                    + " default.chain_lifecycle AS l USING (block_number, log_index) WHERE "
                    + s("stakeholder")
                    + " != "
                    + hexed("wallet")
                    + " OR JSONHas(j, 'amount') AND "
                    + n("amount")
                    + " != amount OR event != 'PositionsConverted' AND JSONHas(j, 'payout') AND "
                    + n("payout")
                    + " != payout OR version != 'V3' AND JSONHas(j, 'condition_id') AND substring("
                    + s("condition_id")
                    + ", 3) != lower(hex(condition_id)) LIMIT 2")
            .toString());
    same(
        "amm",
        truth(
                "amm",
                n("block", "log_index", "time")
                    + ", "
                    + s("tx", "pool", "wallet")
                    + ", substring("
                    + s("condition_id")
                    + ", 3), transform("
                    + s("event")
                    + ", ['FPMMBuy', 'FPMMSell', 'FPMMFundingAdded', 'FPMMFundingRemoved'], ['buy',"
                    + " 'sell', 'funding', 'withdrawal'], ''), toUInt256("
                    + n("fee")
                    + "), toUInt256("
                    + n("pool_shares")
                    + ")")
            + " AND "
            + s("event")
            + " LIKE 'FPMM%'",
        "SELECT block_number, log_index, toUnixTimestamp(timestamp), transaction_hash, pool,"
            + " wallet, condition_id, toString(kind), fee, pool_shares FROM"
            + " default.vw_chain_amm_trades");
  }

  private static String s(String... names) {
    return Stream.of(names)
        .map(x -> "JSONExtractString(j, '" + x + "')")
        .collect(Collectors.joining(", "));
  }

  private static String n(String... names) {
    return Stream.of(names)
        .map(x -> "JSONExtractUInt(j, '" + x + "')")
        .collect(Collectors.joining(", "));
  }

  private static String hexed(String... names) {
    return Stream.of(names).map(x -> String.format(HEXED, x)).collect(Collectors.joining(", "));
  }

  private static String truth(String kind, String columns) {
    return "SELECT "
        + columns
        + " FROM default.truth WHERE JSONExtractString(j, 'kind') = '"
        + kind
        + "'";
  }

  private static void same(String what, String truth, String stored) {
    assertTrue(TestBed.number("SELECT count() FROM (" + truth + ")") > 50, what);
    assertEquals(
        "[]",
        TestBed.sql("SELECT * FROM (" + truth + " EXCEPT " + stored + ") LIMIT 2").toString(),
        what + " not stored");
    assertEquals(
        "[]",
        TestBed.sql("SELECT * FROM (" + stored + " EXCEPT " + truth + ") LIMIT 2").toString(),
        what + " beyond the truth");
    assertEquals(
        TestBed.number("SELECT count() FROM (" + truth + ")"),
        TestBed.number("SELECT count() FROM (" + stored + ")"),
        what);
  }
}
