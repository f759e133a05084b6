package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;

/** balanceOf of ERC-20 and ERC-1155 contracts, and balanceOfBatch of the latter, by eth_call. */
final class EthCall {
  private final Chain chain;

  EthCall(Chain chain) {
    this.chain = chain;
  }

  /** The words of the answer as 0x and digits, or null for a call that no contract has. */
  String answer(JsonNode call, long block) {
    String to = call.path("to").asText().toLowerCase();
    String data = call.path(call.has("data") ? "data" : "input").asText();
    try {
      String words = data.substring(10);
      return switch (data.substring(0, 10)) {
        case "0x70a08231" -> "0x" + digits(chain.collateral(to, address(words, 0), block));
        case "0x00fdd58e" ->
            "0x" + digits(chain.balance(to, address(words, 0), number(words, 1), block));
        case "0x4e1273f4" -> batch(to, words, block);
        default -> null;
      };
    } catch (StringIndexOutOfBoundsException | NumberFormatException e) {
      return null;
    }
  }

  private String batch(String to, String words, long block) {
    int owners = number(words, 0).intValueExact() / 32;
    int ids = number(words, 1).intValueExact() / 32;
    int count = number(words, owners).intValueExact();
    StringBuilder out = new StringBuilder("0x");
    out.append(digits(BigInteger.valueOf(32))).append(digits(BigInteger.valueOf(count)));
    for (int k = 1; k <= count; k++) {
      out.append(
          digits(chain.balance(to, address(words, owners + k), number(words, ids + k), block)));
    }
    return out.toString();
  }

  private static String address(String words, int at) {
    return "0x" + words.substring(at * 64 + 24, at * 64 + 64).toLowerCase();
  }

  private static BigInteger number(String words, int at) {
    return new BigInteger(words.substring(at * 64, at * 64 + 64), 16);
  }

  private static String digits(BigInteger value) {
    String hex = value.toString(16);
    return "0".repeat(64 - hex.length()) + hex;
  }
}
