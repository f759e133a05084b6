package polymarket.backfill.benchmark;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * Counts what a log of Polygon's holds, from the standard's encoding of events and not by the
 * program's own decoder, which is what is judged.
 */
final class LogKinds {

  /** keccak256 of ConditionPreparation(bytes32,address,bytes32,uint256). */
  private static final String CONDITION_PREPARATION =
      "0xab3760c3bd2bb38b5bcf54dc79802ed67338b4cf29f3054ded67ed24661e4177";

  /** keccak256 of ConditionResolution(bytes32,address,bytes32,uint256,uint256[]). */
  private static final String CONDITION_RESOLUTION =
      "0xb44d84d3289691f71497564b85d4233648d9dbae8cbdbb4329f301c3a0185894";

  /** keccak256 of TransferSingle(address,address,address,uint256,uint256). */
  private static final String TRANSFER_SINGLE =
      "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62";

  /** keccak256 of TransferBatch(address,address,address,uint256[],uint256[]). */
  private static final String TRANSFER_BATCH =
      "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb";

  private static final int WORD_DIGITS = 64;

  private LogKinds() {}

  /** conditions, resolutions or moves; empty for any other event. */
  static String kind(JsonNode log) {
    return switch (log.path("topics").path(0).asText()) {
      case CONDITION_PREPARATION -> "conditions";
      case CONDITION_RESOLUTION -> "resolutions";
      case TRANSFER_SINGLE, TRANSFER_BATCH -> "moves";
      default -> "";
    };
  }

  /** How many: one, but for a transfer of several tokens, whose first word says where they are. */
  static long count(JsonNode log) {
    String data = log.path("data").asText();
    return log.path("topics").path(0).asText().equals(TRANSFER_BATCH)
        ? word(data, word(data, 0) / 32)
        : 1;
  }

  private static long word(String data, long index) {
    int at = Math.toIntExact(2 + index * WORD_DIGITS);
    return Long.parseUnsignedLong(data.substring(at + WORD_DIGITS - 16, at + WORD_DIGITS), 16);
  }
}
