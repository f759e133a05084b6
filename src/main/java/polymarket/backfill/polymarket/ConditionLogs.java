package polymarket.backfill.polymarket;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The entries of an {@code eth_getLogs} answer as rows: conditions prepared and resolved, transfers
 * of outcome tokens, and fills of the exchanges of both versions.
 *
 * <p>A row is a record that Jackson writes as one flat JSON object with snake_case names. Ids have
 * their stored form: condition, question and order ids 64 hex digits, lower case, without {@code
 * 0x}; addresses and transaction hashes lower case with {@code 0x}; token ids and every uint256 as
 * decimal strings; block numbers, log indexes and timestamps (unix seconds) as numbers.
 *
 * <p>Any contract can emit an event of the same signature: ask the node for the addresses wanted
 * ({@link TokenIds#CONDITIONAL_TOKENS}, {@link #EXCHANGES}), or compare {@link Place#contract}.
 * Condition ids are recomputed from oracle, question and outcome count, and a log whose id is
 * another is refused.
 */
public final class ConditionLogs {

  /**
   * topic0 of {@code ConditionPreparation(bytes32 indexed conditionId, address indexed oracle,
   * bytes32 indexed questionId, uint256 outcomeSlotCount)}.
   */
  public static final String CONDITION_PREPARATION =
      "0xab3760c3bd2bb38b5bcf54dc79802ed67338b4cf29f3054ded67ed24661e4177";

  /**
   * topic0 of {@code ConditionResolution(bytes32 indexed conditionId, address indexed oracle,
   * bytes32 indexed questionId, uint256 outcomeSlotCount, uint256[] payoutNumerators)}.
   */
  public static final String CONDITION_RESOLUTION =
      "0xb44d84d3289691f71497564b85d4233648d9dbae8cbdbb4329f301c3a0185894";

  /**
   * topic0 of ERC-1155's {@code TransferSingle(address indexed operator, address indexed from,
   * address indexed to, uint256 id, uint256 value)}.
   */
  public static final String TRANSFER_SINGLE =
      "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62";

  /**
   * topic0 of ERC-1155's {@code TransferBatch(address indexed operator, address indexed from,
   * address indexed to, uint256[] ids, uint256[] values)}.
   */
  public static final String TRANSFER_BATCH =
      "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb";

  /**
   * topic0 of the first exchanges' {@code OrderFilled(bytes32 indexed orderHash, address indexed
   * maker, address indexed taker, uint256 makerAssetId, uint256 takerAssetId, uint256
   * makerAmountFilled, uint256 takerAmountFilled, uint256 fee)}, until block 86,126,998.
   */
  public static final String ORDER_FILLED_V1 =
      "0xd0a08e8c493f9c94f29311604c9de1b4e8c8d4c06bd0c789af57f2d65bfec0f6";

  /**
   * topic0 of the second exchanges' {@code OrderFilled(bytes32 indexed orderHash, address indexed
   * maker, address indexed taker, uint8 side, uint256 tokenId, uint256 makerAmountFilled, uint256
   * takerAmountFilled, uint256 fee, bytes32 builder, bytes32 metadata)}.
   */
  public static final String ORDER_FILLED_V2 =
      "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee";

  /**
   * The exchanges that emit OrderFilled: first version (plain, neg-risk), then second version
   * (plain, neg-risk).
   */
  public static final List<String> EXCHANGES =
      List.of(
          "0x4bfb41d5b3570defd03c39a9a4d8de6bd8b8982e",
              "0xc5d563a36ae78145c45a50134d48a1215220f80a",
          "0xe111180000d2663c0091e4f400237545b87b996b",
              "0xe2222d279d744050d28e00520010520000310f59");

  private static final ObjectMapper MAPPER = new ObjectMapper();

  private ConditionLogs() {}

  /**
   * One row of a log. Together with its kind, transaction hash, log index and (for transfers) batch
   * index are its natural key.
   */
  public sealed interface Row permits Preparation, Resolution, Transfer, Fill {
    /** The position of the log in the chain. */
    Place place();
  }

  /**
   * Where a log stands; its fields stand beside the row's own in JSON.
   *
   * @param contract address that emitted it
   * @param blockTimestamp unix seconds, or null from nodes that do not give it
   * @param removed true for a log that a reorganisation took back: not to be stored
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Place(
      String contract,
      long blockNumber,
      Long blockTimestamp,
      String transactionHash,
      long logIndex,
      boolean removed) {}

  /** A condition was created. */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Preparation(
      String conditionId,
      String oracle,
      String questionId,
      int outcomeSlotCount,
      @JsonUnwrapped Place place)
      implements Row {}

  /**
   * A condition was resolved.
   *
   * @param payoutNumerators one decimal string an outcome, as the chain has them
   * @param payoutDenominator their sum, never zero: outcome i pays numerator i / denominator
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Resolution(
      String conditionId,
      String oracle,
      String questionId,
      int outcomeSlotCount,
      List<String> payoutNumerators,
      String payoutDenominator,
      @JsonUnwrapped Place place)
      implements Row {}

  /**
   * Tokens of one id were moved; from the zero address when minted, to it when burned.
   *
   * @param batchIndex position in a TransferBatch, 0 for a TransferSingle
   * @param amount base units, 10^6 a share
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Transfer(
      String tokenId,
      String amount,
      String operator,
      String from,
      String to,
      int batchIndex,
      @JsonUnwrapped Place place)
      implements Row {}

  /**
   * An order was filled, wholly or in part. One trade gives a row for each maker order and one for
   * the taker's order, the last with the exchange as its taker: adding all up counts twice.
   *
   * @param exchangeVersion 1 or 2
   * @param side of the maker named in this row: BUY or SELL
   * @param tokenId the outcome token that was bought or sold
   * @param makerAmountFilled base units that the maker gave (collateral for BUY, shares for SELL),
   *     10^6 a unit
   * @param takerAmountFilled base units that the maker got
   * @param fee base units
   * @param builder 64 hex digits; null in version 1
   * @param metadata 64 hex digits; null in version 1
   */
  @JsonNaming(SnakeCaseStrategy.class)
  public record Fill(
      int exchangeVersion,
      String orderHash,
      String maker,
      String taker,
      String side,
      String tokenId,
      String makerAmountFilled,
      String takerAmountFilled,
      String fee,
      String builder,
      String metadata,
      @JsonUnwrapped Place place)
      implements Row {}

  /**
   * The rows of one log: one, or for a TransferBatch one a token (none when it moved none); none
   * for any other event.
   *
   * @param log an element of {@code eth_getLogs}' {@code result}
   * @throws IllegalArgumentException when a log of one of these events is not what its signature
   *     and the contract promise, with one line that names transaction, log index and what is
   *     wrong; also when transaction hash, log index or block number is missing, without which a
   *     row has no key
   */
  public static List<Row> decode(JsonNode log) {
    return new Decoder(log).rows();
  }

  /** As {@link #decode(JsonNode)}, for a log that was parsed into maps and lists. */
  public static List<Row> decode(Map<String, ?> log) {
    ObjectNode node = MAPPER.createObjectNode();
    log.forEach(
        (field, value) -> {
          if (value instanceof String text) {
            node.put(field, text);
          } else if (value instanceof List<?> list
              && list.stream().allMatch(String.class::isInstance)) {
            ArrayNode texts = node.putArray(field);
            list.forEach(text -> texts.add((String) text));
          } else {
            node.set(field, MAPPER.valueToTree(value));
          }
        });
    return decode(node);
  }

  /** Reads one log; every complaint carries the log's transaction and index. */
  private static final class Decoder {

    private static final int WORD = 32;

    private final JsonNode log;
    private Place place;
    private byte[][] topics;
    private byte[] data;

    Decoder(JsonNode log) {
      this.log = log;
    }

    List<Row> rows() {
      if (!log.path("topics").isArray()) {
        throw wrong("topics: expected an array");
      }
      String topic0 = log.path("topics").path(0).asText("").toLowerCase();
      return switch (topic0) {
        case CONDITION_PREPARATION -> List.of(preparation());
        case CONDITION_RESOLUTION -> List.of(resolution());
        case TRANSFER_SINGLE -> List.of(transferSingle());
        case TRANSFER_BATCH -> transferBatch();
        case ORDER_FILLED_V1 -> List.of(fillV1());
        case ORDER_FILLED_V2 -> List.of(fillV2());
        default -> List.of();
      };
    }

    private Row preparation() {
      read();
      expectWords(1);
      int outcomes = outcomes();
      return new Preparation(
          condition(outcomes), topicAddress(2), Hex.of(topics[3]), outcomes, place);
    }

    private Row resolution() {
      read();
      int outcomes = outcomes();
      List<String> payouts = array("payoutNumerators", 1);
      if (payouts.size() != outcomes) {
        throw wrong(
            "payoutNumerators: expected " + outcomes + ", one an outcome, got " + payouts.size());
      }
      BigInteger sum =
          payouts.stream().map(BigInteger::new).reduce(BigInteger.ZERO, BigInteger::add);
      if (sum.signum() == 0) {
        throw wrong("payoutNumerators: all are zero");
      }
      return new Resolution(
          condition(outcomes),
          topicAddress(2),
          Hex.of(topics[3]),
          outcomes,
          payouts,
          sum.toString(),
          place);
    }

    private Row transferSingle() {
      read();
      expectWords(2);
      return transfer(uint(0), uint(1), 0);
    }

    private List<Row> transferBatch() {
      read();
      List<String> ids = array("ids", 0);
      List<String> amounts = array("values", 1);
      if (ids.size() != amounts.size()) {
        throw wrong("values: expected " + ids.size() + ", one an id, got " + amounts.size());
      }
      List<Row> rows = new ArrayList<>(ids.size());
      for (int i = 0; i < ids.size(); i++) {
        rows.add(transfer(ids.get(i), amounts.get(i), i));
      }
      return rows;
    }

    private Row transfer(String tokenId, String amount, int batchIndex) {
      return new Transfer(
          tokenId, amount, topicAddress(1), topicAddress(2), topicAddress(3), batchIndex, place);
    }

    private Row fillV1() {
      read();
      expectWords(5);
      String makerAsset = uint(0);
      String takerAsset = uint(1);
      boolean buys = makerAsset.equals("0");
      if (buys == takerAsset.equals("0")) {
        throw wrong("makerAssetId, takerAssetId: expected exactly one to be 0, the collateral");
      }
      return fill(1, buys, buys ? takerAsset : makerAsset, 2, null, null);
    }

    private Row fillV2() {
      read();
      expectWords(7);
      String side = uint(0);
      if (!side.equals("0") && !side.equals("1")) {
        throw wrong("side: expected 0 (buy) or 1 (sell), got " + side);
      }
      return fill(2, side.equals("0"), uint(1), 2, hexWord(5), hexWord(6));
    }

    private Row fill(
        int version, boolean buys, String tokenId, int amounts, String builder, String metadata) {
      return new Fill(
          version,
          Hex.of(topics[1]),
          topicAddress(2),
          topicAddress(3),
          buys ? "BUY" : "SELL",
          tokenId,
          uint(amounts),
          uint(amounts + 1),
          uint(amounts + 2),
          builder,
          metadata,
          place);
    }

    private void read() {
      JsonNode removed = log.path("removed");
      if (!removed.isMissingNode() && !removed.isNull() && !removed.isBoolean()) {
        throw wrong("removed: expected true or false, got " + Hex.shown(removed.asText()));
      }
      place =
          new Place(
              prefixed("address", 20),
              quantity("blockNumber"),
              log.hasNonNull("blockTimestamp") ? time("blockTimestamp") : null,
              prefixed("transactionHash", 32),
              quantity("logIndex"),
              removed.asBoolean());
      JsonNode list = log.path("topics");
      if (list.size() != 4) {
        throw wrong("topics: expected 4, got " + list.size());
      }
      topics = new byte[4][];
      for (int i = 0; i < 4; i++) {
        topics[i] = bytes("topic " + i, list.get(i), WORD);
      }
      int from = Hex.prefix(log.path("data").textValue());
      int digits = log.path("data").asText().length() - from;
      if (from == 0 || digits % (2 * WORD) != 0) {
        throw wrong(
            "data: expected 0x and whole words of 64 hex digits, got "
                + Hex.shown(log.path("data").textValue()));
      }
      data = bytes("data", log.path("data"), digits / 2);
    }

    /**
     * The condition id, once it has been found to be that of its oracle, question and outcome
     * count.
     */
    private String condition(int outcomes) {
      byte[] oracle = Arrays.copyOfRange(topics[2], 12, WORD);
      if (!Arrays.equals(topics[1], TokenIds.conditionId(oracle, topics[3], outcomes))) {
        throw wrong(
            "condition id "
                + Hex.of(topics[1])
                + " is not that of its oracle, question id and outcome count");
      }
      return Hex.of(topics[1]);
    }

    private int outcomes() {
      if (words() < 1) {
        throw wrong("data: ends before outcomeSlotCount");
      }
      int count = small(0);
      if (count < 2 || count > 256) {
        throw wrong("outcomeSlotCount: expected 2 to 256, got " + uint(0));
      }
      return count;
    }

    /**
     * A dynamic uint256[]: the word at {@code head} is its offset in bytes, where its length and
     * then its elements stand.
     */
    private List<String> array(String name, int head) {
      if (words() <= head) {
        throw wrong("data: ends before the offset of " + name);
      }
      int offset = small(head);
      if (offset < 0 || offset % WORD != 0 || offset / WORD >= words()) {
        throw wrong(
            name + ": offset " + uint(head) + " is outside the " + data.length + " bytes of data");
      }
      int start = offset / WORD;
      int length = small(start);
      if (length < 0 || length > words() - start - 1) {
        throw wrong(
            name
                + ": length "
                + uint(start)
                + " exceeds the "
                + (words() - start - 1)
                + " words left");
      }
      List<String> values = new ArrayList<>(length);
      for (int i = 1; i <= length; i++) {
        values.add(uint(start + i));
      }
      return values;
    }

    private int words() {
      return data.length / WORD;
    }

    private void expectWords(int count) {
      if (words() != count) {
        throw wrong("data: expected " + count + " words, got " + words());
      }
    }

    /** The word's value, or -1 when it does not fit an int. */
    private int small(int word) {
      BigInteger value = new BigInteger(1, data, word * WORD, WORD);
      return value.bitLength() < 32 ? value.intValue() : -1;
    }

    /**
     * The word in decimal, nine digits a division: BigInteger's own way took a third of a scan's
     * time.
     */
    private String uint(int word) {
      int[] limbs = new int[WORD / Integer.BYTES];
      ByteBuffer.wrap(data, word * WORD, WORD).asIntBuffer().get(limbs);
      byte[] digits = new byte[81];
      int at = digits.length;
      int from = 0;
      while (from < limbs.length) {
        long rest = 0;
        for (int i = from; i < limbs.length; i++) {
          long value = rest << Integer.SIZE | Integer.toUnsignedLong(limbs[i]);
          limbs[i] = (int) (value / 1_000_000_000);
          rest = value % 1_000_000_000;
        }
        for (int i = 0; i < 9; i++) {
          digits[--at] = (byte) ('0' + rest % 10);
          rest /= 10;
        }
        while (from < limbs.length && limbs[from] == 0) {
          from++;
        }
      }
      while (at < digits.length - 1 && digits[at] == '0') {
        at++;
      }
      return new String(digits, at, digits.length - at, StandardCharsets.US_ASCII);
    }

    private String hexWord(int word) {
      return Hex.of(Arrays.copyOfRange(data, word * WORD, (word + 1) * WORD));
    }

    private String topicAddress(int topic) {
      for (int i = 0; i < 12; i++) {
        if (topics[topic][i] != 0) {
          throw wrong("topic " + topic + ": expected an address, got 0x" + Hex.of(topics[topic]));
        }
      }
      return "0x" + Hex.of(Arrays.copyOfRange(topics[topic], 12, WORD));
    }

    private String prefixed(String field, int size) {
      return "0x" + Hex.of(bytes(field, log.path(field), size));
    }

    private byte[] bytes(String what, JsonNode text, int size) {
      try {
        return Hex.bytes(what, text.textValue(), size);
      } catch (IllegalArgumentException e) {
        throw wrong(e.getMessage());
      }
    }

    /** A JSON-RPC quantity: 0x and hex digits, here of at most 63 bits. */
    /** Seconds as a quantity, or as some nodes write them, as a decimal number. */
    private long time(String field) {
      JsonNode value = log.path(field);
      return value.isIntegralNumber() && value.canConvertToLong() && value.asLong() >= 0
          ? value.asLong()
          : value.isTextual() && value.textValue().matches("\\d{1,18}")
              ? Long.parseLong(value.textValue())
              : quantity(field);
    }

    private long quantity(String field) {
      String text = log.path(field).textValue();
      int from = Hex.prefix(text);
      if (from != 0 && text.length() > from && Character.digit(text.charAt(from), 16) >= 0) {
        try {
          return Long.parseLong(text, from, text.length(), 16);
        } catch (NumberFormatException e) {
          // reported below, with the log's name
        }
      }
      throw wrong(field + ": expected a hex quantity such as 0x1b4, got " + Hex.shown(text));
    }

    private IllegalArgumentException wrong(String what) {
      return new IllegalArgumentException(
          "log " + named("logIndex") + " of transaction " + named("transactionHash") + ": " + what);
    }

    private String named(String field) {
      String text = log.path(field).textValue();
      return text == null ? "?" : text.matches("[0-9a-zA-Z]{1,80}") ? text : Hex.shown(text);
    }
  }
}
