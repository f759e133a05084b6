package polymarket.backfill.polymarket;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ConditionLogsTest {

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final String TX =
      "0x84b7768df7b4837c89179e776d0575e2c9dfce8f68fa8807de92f423ff40ace7";
  private static final String CONDITION =
      "da4bfca4a2f26cce689ac3e2b89cc60a17fb0b994ee79f61ec8beb65f6886236";
  private static final String ORACLE = "0x65070be91477460d8a7aeeb94ef92fe056c2f2a7";
  private static final String QUESTION =
      "b7576115f85ca1f02c40bd07ae7373640423e87fcffd4c2a8986af23f2a01438";
  private static final String ALICE = "0xada2005600dec949baf300f4c6120000bdb6eaab";
  private static final String BOB = "0x41e7aa1b047f13ad96f26ca49602fb403c90b78d";
  private static final String ZERO = "0x" + "0".repeat(40);
  private static final BigInteger MAX = BigInteger.ONE.shiftLeft(256).subtract(BigInteger.ONE);

  @Test
  void topicsAreTheHashesOfTheSignatures() {
    Map<String, String> signatures =
        Map.of(
            "ConditionPreparation(bytes32,address,bytes32,uint256)",
            ConditionLogs.CONDITION_PREPARATION,
            "ConditionResolution(bytes32,address,bytes32,uint256,uint256[])",
            ConditionLogs.CONDITION_RESOLUTION,
            "TransferSingle(address,address,address,uint256,uint256)",
            ConditionLogs.TRANSFER_SINGLE,
            "TransferBatch(address,address,address,uint256[],uint256[])",
            ConditionLogs.TRANSFER_BATCH,
            "OrderFilled(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)",
            ConditionLogs.ORDER_FILLED_V1,
            "OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)",
            ConditionLogs.ORDER_FILLED_V2);
    signatures.forEach(
        (signature, topic) ->
            assertEquals(
                topic,
                "0x" + Hex.of(TokenIds.keccak256(signature.getBytes(StandardCharsets.US_ASCII)))));
  }

  @Test
  void recordedLogsAreDecoded() throws Exception {
    JsonNode logs = MAPPER.readTree(Recorded.file("polygon/ctf-logs-7.json").toFile());
    assertEquals(7, logs.size());
    // a PayoutRedemption of each contract
    assertEquals(List.of(), ConditionLogs.decode(logs.get(0)));
    assertEquals(List.of(), ConditionLogs.decode(logs.get(1)));
    ConditionLogs.Place place =
        new ConditionLogs.Place(TokenIds.CONDITIONAL_TOKENS, 90_715_113, null, TX, 600, false);
    assertEquals(
        List.of(
            new ConditionLogs.Resolution(
                CONDITION, ORACLE, QUESTION, 2, List.of("1", "0"), "1", place)),
        ConditionLogs.decode(logs.get(2)));

    // these two were recorded without their log index, so they have no key as they stand
    for (int i : new int[] {3, 4}) {
      assertEquals(
          "log ? of transaction 0xc6c3f62a83b1dc2518a78f64878dfe479d4b5ffc98cf0a40f12ae63affdf60e4:"
              + " logIndex: expected a hex quantity such as 0x1b4, got nothing",
          assertThrows(IllegalArgumentException.class, () -> ConditionLogs.decode(logs.get(i)))
              .getMessage());
      ((ObjectNode) logs.get(i)).put("logIndex", "0x" + i);
    }
    List<ConditionLogs.Row> batch = ConditionLogs.decode(logs.get(3));
    assertEquals(
        List.of("5000000", "0"),
        batch.stream().map(row -> ((ConditionLogs.Transfer) row).amount()).toList());
    assertEquals(
        List.of(0, 1),
        batch.stream().map(row -> ((ConditionLogs.Transfer) row).batchIndex()).toList());
    ConditionLogs.Transfer minted = (ConditionLogs.Transfer) batch.get(0);
    assertEquals(
        new BigInteger("47212f7902c30bd802ea461cc340b9fdb9ad0b35c1ce8aa75807ee264579f664", 16)
            .toString(),
        minted.tokenId());
    assertEquals(
        List.of(ALICE, BOB, ALICE), List.of(minted.operator(), minted.from(), minted.to()));
    ConditionLogs.Transfer burned =
        (ConditionLogs.Transfer) ConditionLogs.decode(logs.get(4)).get(0);
    assertEquals(
        List.of(minted.tokenId(), "5000000", ZERO),
        List.of(burned.tokenId(), burned.amount(), burned.to()));

    ConditionLogs.Transfer sent = (ConditionLogs.Transfer) ConditionLogs.decode(logs.get(5)).get(0);
    ConditionLogs.Transfer second =
        (ConditionLogs.Transfer) ConditionLogs.decode(logs.get(6)).get(1);
    assertEquals(
        List.of(sent.tokenId(), "127940000", 1, 89_141_689L, 0x3b9L),
        List.of(
            second.tokenId(),
            second.amount(),
            second.batchIndex(),
            second.place().blockNumber(),
            second.place().logIndex()));
    assertEquals(sent.place().transactionHash(), second.place().transactionHash());
  }

  @Test
  void preparedAndResolvedConditionsBecomeFlatJsonRows() throws Exception {
    Map<String, Object> prepared = conditionLog(ConditionLogs.CONDITION_PREPARATION, words(2));
    prepared.put("blockTimestamp", "0x6a618b45");
    assertEquals(
        json(
            "{'condition_id':'"
                + CONDITION
                + "','oracle':'"
                + ORACLE
                + "','question_id':'"
                + QUESTION
                + "','outcome_slot_count':2,'contract':'"
                + TokenIds.CONDITIONAL_TOKENS
                + "','block_number':90715113,"
                + "'block_timestamp':1784777541,'transaction_hash':'"
                + TX
                + "','log_index':600,'removed':false}"),
        written(prepared));
    assertEquals(
        json(
            "{'condition_id':'"
                + CONDITION
                + "','oracle':'"
                + ORACLE
                + "','question_id':'"
                + QUESTION
                + "','outcome_slot_count':2,'payout_numerators':['1','"
                + MAX
                + "'],'payout_denominator':'"
                + MAX.add(BigInteger.ONE)
                + "','contract':'"
                + TokenIds.CONDITIONAL_TOKENS
                + "','block_number':90715113,"
                + "'block_timestamp':null,'transaction_hash':'"
                + TX
                + "','log_index':600,'removed':false}"),
        written(conditionLog(ConditionLogs.CONDITION_RESOLUTION, words(2, 0x40, 2, 1, MAX))));
  }

  @Test
  void transfersBecomeFlatJsonRows() throws Exception {
    Map<String, Object> log =
        log(
            ConditionLogs.TRANSFER_SINGLE,
            List.of(topic(ALICE), topic(ZERO), topic(BOB)),
            words(MAX, 7));
    assertEquals(
        json(
            "{'token_id':'"
                + MAX
                + "','amount':'7','operator':'"
                + ALICE
                + "','from':'"
                + ZERO
                + "','to':'"
                + BOB
                + "','batch_index':0,'contract':'"
                + TokenIds.CONDITIONAL_TOKENS
                + "','block_number':90715113,"
                + "'block_timestamp':null,'transaction_hash':'"
                + TX
                + "','log_index':600,'removed':false}"),
        written(log));
  }

  @Test
  void fillsOfBothVersionsNameTheMakersSideAndTheToken() throws Exception {
    List<String> topics = List.of("0x" + QUESTION, topic(ALICE), topic(BOB));
    ConditionLogs.Fill bought =
        (ConditionLogs.Fill)
            one(log(ConditionLogs.ORDER_FILLED_V1, topics, words(0, 77, 620000, 1000000, 3)));
    assertEquals(
        List.of(1, QUESTION, ALICE, BOB, "BUY", "77", "620000", "1000000", "3"),
        List.of(
            bought.exchangeVersion(),
            bought.orderHash(),
            bought.maker(),
            bought.taker(),
            bought.side(),
            bought.tokenId(),
            bought.makerAmountFilled(),
            bought.takerAmountFilled(),
            bought.fee()));
    ConditionLogs.Fill sold =
        (ConditionLogs.Fill)
            one(log(ConditionLogs.ORDER_FILLED_V1, topics, words(77, 0, 1000000, 620000, 3)));
    assertEquals(
        List.of("SELL", "77", "1000000"),
        List.of(sold.side(), sold.tokenId(), sold.makerAmountFilled()));

    assertEquals(
        json(
            "{'exchange_version':2,'order_hash':'"
                + QUESTION
                + "','maker':'"
                + ALICE
                + "','taker':'"
                + BOB
                + "','side':'SELL','token_id':'77','maker_amount_filled':'1000000','taker_amount_filled':'620000','fee':'3',"
                + "'builder':'"
                + "0".repeat(63)
                + "a','metadata':'"
                + "0".repeat(64)
                + "','contract':'"
                + TokenIds.CONDITIONAL_TOKENS
                + "','block_number':90715113,'block_timestamp':null,'transaction_hash':'"
                + TX
                + "','log_index':600,'removed':false}"),
        written(
            log(ConditionLogs.ORDER_FILLED_V2, topics, words(1, 77, 1000000, 620000, 3, 10, 0))));
    assertEquals(
        "BUY",
        ((ConditionLogs.Fill)
                one(
                    log(
                        ConditionLogs.ORDER_FILLED_V2,
                        topics,
                        words(0, 77, 620000, 1000000, 3, 0, 0))))
            .side());
  }

  @Test
  void anyCaseIsTaken_storedFormIsGiven() {
    Map<String, Object> log = conditionLog(ConditionLogs.CONDITION_PREPARATION, words(2));
    List<ConditionLogs.Row> rows = ConditionLogs.decode(log);
    Map<String, Object> loud = new LinkedHashMap<>();
    log.forEach(
        (name, value) ->
            loud.put(
                name,
                value instanceof String text ? "0x" + text.substring(2).toUpperCase() : value));
    loud.put(
        "topics",
        ((List<?>) log.get("topics"))
            .stream().map(t -> "0x" + t.toString().substring(2).toUpperCase()).toList());
    assertEquals(rows, ConditionLogs.decode(loud));
  }

  @Test
  void removedLogsAreMarked() {
    for (Object removed : new Object[] {true, false, null}) {
      Map<String, Object> log = conditionLog(ConditionLogs.CONDITION_PREPARATION, words(2));
      log.put("removed", removed);
      assertEquals(Boolean.TRUE.equals(removed), one(log).place().removed());
    }
  }

  @Test
  void otherEventsGiveNoRows() {
    assertEquals(List.of(), ConditionLogs.decode(log("0x" + "1".repeat(64), List.of(), "0x")));
    assertEquals(List.of(), ConditionLogs.decode(Map.of("topics", List.of(), "data", "0x")));
  }

  @Test
  void aBatchOfNoTokensGivesNoRows() {
    assertEquals(List.of(), ConditionLogs.decode(batch(words(0x40, 0x60, 0, 0))));
  }

  @Test
  void malformedDataIsRefusedInOneLineThatNamesTheLog() {
    refused(
        batch(words(0x40, 0xa0, 2, 5, 6, 3, 1, 1)), "values: length 3 exceeds the 2 words left");
    refused(batch(words(0x40, 0xa0, 2, 5, 6, 1, 1)), "values: expected 2, one an id, got 1");
    refused(
        batch(words(0x40, 0x100, 1, 5, 1, 1)),
        "values: offset 256 is outside the 192 bytes of data");
    refused(batch(words(0x40, 0x41, 1, 5, 1, 1)), "values: offset 65 is outside");
    refused(batch(words(MAX, 0x40, 1, 5)), "ids: offset " + MAX + " is outside");
    refused(batch(words(0x40, 0x60, MAX, 0)), "ids: length " + MAX + " exceeds the 1 words left");
    refused(batch(words(0x40, 0x60, 0x7fffffff, 0)), "ids: length 2147483647 exceeds");
    refused(batch(words(0x20)), "ids: offset 32 is outside");
    refused(batch("0x"), "data: ends before the offset of ids");
    refused(batch(words(0x40, 0x60, 0, 0) + "0"), "data: expected 0x and whole words");
    refused(batch(words(0x40, 0x60, 0) + "g".repeat(64)), "data: expected 256 hex digits");
    refused(batch(null), "data: expected 0x and whole words of 64 hex digits, got nothing");
    refused(
        log(
            ConditionLogs.TRANSFER_SINGLE,
            List.of(topic(ALICE), topic(ZERO), topic(BOB)),
            words(1)),
        "data: expected 2 words, got 1");
    refused(
        log(ConditionLogs.TRANSFER_SINGLE, List.of(topic(ALICE), topic(ZERO)), words(1, 1)),
        "topics: expected 4, got 3");
    refused(
        log(
            ConditionLogs.TRANSFER_SINGLE,
            List.of(topic(ALICE), topic(ZERO), "0x" + QUESTION),
            words(1, 1)),
        "topic 3: expected an address, got 0x" + QUESTION);
    refused(
        log(ConditionLogs.TRANSFER_SINGLE, List.of(topic(ALICE), topic(ZERO), ALICE), words(1, 1)),
        "topic 3: expected 64 hex digits");

    refused(
        conditionLog(ConditionLogs.CONDITION_PREPARATION, words(1)),
        "outcomeSlotCount: expected 2 to 256, got 1");
    refused(
        conditionLog(ConditionLogs.CONDITION_PREPARATION, words(MAX)),
        "outcomeSlotCount: expected 2 to 256, got " + MAX);
    refused(
        conditionLog(ConditionLogs.CONDITION_PREPARATION, words(3)),
        "condition id " + CONDITION + " is not that of its oracle, question id and outcome count");
    refused(
        conditionLog(ConditionLogs.CONDITION_RESOLUTION, "0x"),
        "data: ends before outcomeSlotCount");
    refused(
        conditionLog(ConditionLogs.CONDITION_RESOLUTION, words(2)),
        "data: ends before the offset of payoutNumerators");
    refused(
        conditionLog(ConditionLogs.CONDITION_RESOLUTION, words(2, 0x40, 3, 1, 0, 0)),
        "payoutNumerators: expected 2, one an outcome, got 3");
    refused(
        conditionLog(ConditionLogs.CONDITION_RESOLUTION, words(2, 0x40, 2, 0, 0)),
        "payoutNumerators: all are zero");

    List<String> topics = List.of("0x" + QUESTION, topic(ALICE), topic(BOB));
    refused(
        log(ConditionLogs.ORDER_FILLED_V1, topics, words(5, 77, 1, 1, 0)),
        "makerAssetId, takerAssetId: expected exactly one");
    refused(
        log(ConditionLogs.ORDER_FILLED_V1, topics, words(0, 0, 1, 1, 0)),
        "makerAssetId, takerAssetId: expected exactly one");
    refused(
        log(ConditionLogs.ORDER_FILLED_V2, topics, words(2, 77, 1, 1, 0, 0, 0)),
        "side: expected 0 (buy) or 1 (sell), got 2");
  }

  @Test
  void malformedFieldsAreRefusedInOneLine() {
    for (String wrong :
        new String[] {null, "", "0x", "12", "0x-1", "0xg", "0x8000000000000000", "0x1\n"}) {
      for (String field : List.of("blockNumber", "logIndex")) {
        refusedWith(field, wrong, field + ": expected a hex quantity such as 0x1b4");
      }
    }
    refusedWith(
        "blockTimestamp",
        "2026-01-01",
        "blockTimestamp: expected a hex quantity such as 0x1b4, got \"2026-01-01\"");
    refusedWith("transactionHash", null, "transactionHash: expected 64 hex digits");
    refusedWith("address", "0x4d97", "address: expected 40 hex digits");
    refusedWith("removed", "yes", "removed: expected true or false, got \"yes\"");
    refusedWith("topics", null, "topics: expected an array");
    assertThrows(IllegalArgumentException.class, () -> ConditionLogs.decode(Map.of()));
  }

  private static void refusedWith(String field, String value, String message) {
    Map<String, Object> log = conditionLog(ConditionLogs.CONDITION_PREPARATION, words(2));
    log.put(field, value);
    String told =
        assertThrows(
                IllegalArgumentException.class,
                () -> ConditionLogs.decode(log),
                field + " " + value)
            .getMessage();
    assertTrue(told.contains(": " + message), told);
    assertFalse(told.contains("\n"), told);
    assertTrue(field.equals("transactionHash") || told.contains(TX), told);
  }

  private static void refused(Map<String, Object> log, String message) {
    String told =
        assertThrows(IllegalArgumentException.class, () -> ConditionLogs.decode(log)).getMessage();
    assertTrue(told.startsWith("log 0x258 of transaction " + TX + ": " + message), told);
    assertTrue(!told.contains("\n") && told.length() < 400, told);
  }

  private static Map<String, Object> batch(String data) {
    return log(ConditionLogs.TRANSFER_BATCH, List.of(topic(ALICE), topic(ALICE), topic(BOB)), data);
  }

  private static Map<String, Object> conditionLog(String topic0, String data) {
    return log(topic0, List.of("0x" + CONDITION, topic(ORACLE), "0x" + QUESTION), data);
  }

  private static Map<String, Object> log(String topic0, List<String> indexed, String data) {
    List<String> topics = new ArrayList<>(List.of(topic0));
    topics.addAll(indexed);
    Map<String, Object> log = new LinkedHashMap<>();
    log.put("address", TokenIds.CONDITIONAL_TOKENS);
    log.put("topics", topics);
    log.put("data", data);
    log.put("blockNumber", "0x56833e9");
    log.put("transactionHash", TX);
    log.put("logIndex", "0x258");
    log.put("removed", false);
    return log;
  }

  private static String topic(String address) {
    return "0x" + "0".repeat(24) + address.substring(2);
  }

  private static String words(Object... values) {
    StringBuilder data = new StringBuilder("0x");
    for (Object value : values) {
      data.append(String.format("%064x", new BigInteger(value.toString())));
    }
    return data.toString();
  }

  private static ConditionLogs.Row one(Map<String, Object> log) {
    List<ConditionLogs.Row> rows = ConditionLogs.decode(log);
    assertEquals(1, rows.size());
    return rows.get(0);
  }

  private static JsonNode written(Map<String, Object> log) throws Exception {
    return MAPPER.readTree(MAPPER.writeValueAsBytes(one(log)));
  }

  private static JsonNode json(String text) throws Exception {
    return MAPPER.readTree(text.replace('\'', '"'));
  }

  @Test
  void numbersOfAnySize_areWrittenAsBigIntegerWritesThem() {
    List<BigInteger> values = new ArrayList<>(List.of(BigInteger.ZERO, BigInteger.ONE, MAX));
    java.util.Random random = new java.util.Random(5);
    for (int bits = 1; bits <= 256; bits++) {
      values.add(new BigInteger(bits, random));
      values.add(BigInteger.ONE.shiftLeft(bits - 1));
      values.add(BigInteger.TEN.pow(bits % 77));
    }
    for (BigInteger value : values) {
      ConditionLogs.Transfer moved =
          (ConditionLogs.Transfer)
              one(
                  log(
                      ConditionLogs.TRANSFER_SINGLE,
                      List.of(topic(ALICE), topic(ZERO), topic(BOB)),
                      words(value, MAX.subtract(value))));
      assertEquals(value.toString(), moved.tokenId());
      assertEquals(MAX.subtract(value).toString(), moved.amount());
    }
  }
}
