package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Which logs a request asks for: those that one of its clauses takes. */
final class LogFilter implements LogOut.Wanted {

  /** Addresses and topics by place; null takes any. */
  private record Clause(Set<String> addresses, List<Set<String>> topics) {
    boolean takes(String address, String topic0) {
      return (addresses == null || addresses.contains(address))
          && (topics.isEmpty() || topics.get(0) == null || topics.get(0).contains(topic0));
    }

    boolean takes(String[] own) {
      for (int k = 0; k < topics.size(); k++) {
        if (topics.get(k) != null && (k >= own.length || !topics.get(k).contains(own[k]))) {
          return false;
        }
      }
      return true;
    }
  }

  private final List<Clause> clauses = new ArrayList<>();

  /** A filter that takes all logs of an address, or all for null. */
  static LogFilter of(String address) {
    LogFilter filter = new LogFilter();
    filter.clauses.add(new Clause(address == null ? null : Set.of(address), List.of()));
    return filter;
  }

  /** {"address": one or a list, "topics": [one, null or a list]} as eth_getLogs takes it. */
  static LogFilter ofNode(JsonNode json) {
    LogFilter filter = new LogFilter();
    filter.clauses.add(new Clause(words(json.path("address")), topics(json.path("topics"))));
    return filter;
  }

  /** [{"address": [], "topics": [[],[]]}] as HyperSync takes it. */
  static LogFilter ofHyperSync(JsonNode logs) {
    LogFilter filter = new LogFilter();
    for (JsonNode one : logs) {
      filter.clauses.add(new Clause(words(one.path("address")), topics(one.path("topics"))));
    }
    return filter;
  }

  /** [{"address": [], "topic0": [], …, "topic3": []}] as the portal takes it. */
  static LogFilter ofPortal(JsonNode logs) {
    LogFilter filter = new LogFilter();
    for (JsonNode one : logs) {
      List<Set<String>> topics = new ArrayList<>();
      for (int k = 0; k < 4; k++) {
        topics.add(words(one.path("topic" + k)));
      }
      filter.clauses.add(new Clause(words(one.path("address")), topics));
    }
    return filter;
  }

  private static List<Set<String>> topics(JsonNode topics) {
    List<Set<String>> all = new ArrayList<>();
    topics.forEach(topic -> all.add(words(topic)));
    return all;
  }

  private static Set<String> words(JsonNode node) {
    if (node.isMissingNode() || node.isNull() || node.isArray() && node.isEmpty()) {
      return null;
    }
    Set<String> words = new HashSet<>();
    if (node.isArray()) {
      node.forEach(one -> words.add(one.asText().toLowerCase(Locale.ROOT)));
    } else {
      words.add(node.asText().toLowerCase(Locale.ROOT));
    }
    return words;
  }

  @Override
  public boolean log(String address, String topic0) {
    for (Clause clause : clauses) {
      if (clause.takes(address, topic0)) {
        return true;
      }
    }
    return false;
  }

  /** Whether the log's other topics are asked for as well. */
  boolean takes(LogOut.Log log) {
    for (Clause clause : clauses) {
      if (clause.takes(log.address(), log.topics()[0]) && clause.takes(log.topics())) {
        return true;
      }
    }
    return false;
  }
}
