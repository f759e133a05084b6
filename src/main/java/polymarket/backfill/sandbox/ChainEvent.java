package polymarket.backfill.sandbox;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * One event of a contract, written as in Solidity; encodes its arguments as a log's topics and
 * data. Arguments are addresses and fixed bytes as 0x and digits, numbers as Long, Integer,
 * BigInteger or 64 hex digits, arrays as collections, {@code bytes} as hex digits.
 */
final class ChainEvent {
  private static final String ZEROS = "0".repeat(64);

  final String declaration;
  final String name;

  /** keccak256 of the canonical signature, 0x and 64 digits. */
  final String topic0;

  private final String[] types;
  private final boolean[] indexed;

  ChainEvent(String declaration) {
    this.declaration = declaration;
    int open = declaration.indexOf('(');
    name = declaration.substring(0, open);
    String[] parts = declaration.substring(open + 1, declaration.length() - 1).split(",");
    types = new String[parts.length];
    indexed = new boolean[parts.length];
    for (int k = 0; k < parts.length; k++) {
      types[k] = parts[k].strip().split(" ")[0];
      indexed[k] = parts[k].contains(" indexed ");
    }
    String signature = name + "(" + String.join(",", types) + ")";
    topic0 =
        "0x" + Mix.hex(ConditionalTokens.keccak(signature.getBytes(StandardCharsets.US_ASCII)));
  }

  String[] topics(Object... arguments) {
    List<String> topics = new ArrayList<>(4);
    topics.add(topic0);
    for (int k = 0; k < types.length; k++) {
      if (indexed[k]) {
        topics.add(word(new StringBuilder(66).append("0x"), types[k], arguments[k]).toString());
      }
    }
    return topics.toArray(new String[0]);
  }

  String data(Object... arguments) {
    int heads = 0;
    for (boolean topic : indexed) {
      heads += topic ? 0 : 1;
    }
    StringBuilder head = new StringBuilder(2 + 64 * heads).append("0x");
    StringBuilder tail = new StringBuilder();
    for (int k = 0; k < types.length; k++) {
      if (indexed[k]) {
        continue;
      }
      if (types[k].endsWith("[]") || types[k].equals("bytes")) {
        number(head, heads * 32L + tail.length() / 2);
        tail(tail, types[k], arguments[k]);
      } else {
        word(head, types[k], arguments[k]);
      }
    }
    return head.append(tail).toString();
  }

  private static void tail(StringBuilder out, String type, Object value) {
    if (type.equals("bytes")) {
      String hex = digits((String) value);
      number(out, hex.length() / 2);
      out.append(hex).append(ZEROS, 0, Math.floorMod(-hex.length(), 64));
      return;
    }
    Collection<?> all = (Collection<?>) value;
    number(out, all.size());
    for (Object one : all) {
      word(out, type.substring(0, type.length() - 2), one);
    }
  }

  private static StringBuilder word(StringBuilder out, String type, Object value) {
    if (type.startsWith("bytes")) {
      String hex = digits(value.toString());
      return out.append(hex).append(ZEROS, 0, 64 - hex.length());
    }
    if (value instanceof Long || value instanceof Integer) {
      return number(out, ((Number) value).longValue());
    }
    String hex =
        value instanceof BigInteger big ? big.toString(16) : digits((String) value).toLowerCase();
    return out.append(ZEROS, 0, 64 - hex.length()).append(hex);
  }

  private static StringBuilder number(StringBuilder out, long value) {
    Mix.hex(out.append(ZEROS, 0, 48), value);
    return out;
  }

  private static String digits(String hex) {
    return hex.startsWith("0x") ? hex.substring(2) : hex;
  }
}
