package polymarket.backfill.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/** Metrics in Prometheus' text format, version 0.0.4. */
final class PrometheusText {
  private final Map<String, StringBuilder> families = new LinkedHashMap<>();

  /**
   * Adds a value.
   *
   * @param help what the metric is, in a sentence
   * @param labels in their order
   */
  void gauge(String name, String help, Map<String, String> labels, double value) {
    add(name, "gauge", help, labels, value);
  }

  /** Adds the value of a counter, whose name ends in _total; it may begin anew at 0. */
  void counter(String name, String help, Map<String, String> labels, double value) {
    add(name, "counter", help, labels, value);
  }

  private void add(
      String name, String type, String help, Map<String, String> labels, double value) {
    families
        .computeIfAbsent(
            name,
            family ->
                new StringBuilder(
                    "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n"))
        .append(name)
        .append(
            labels.isEmpty()
                ? ""
                : labels.entrySet().stream()
                    .map(label -> label.getKey() + "=\"" + escaped(label.getValue()) + "\"")
                    .collect(Collectors.joining(",", "{", "}")))
        .append(' ')
        .append(value == Math.rint(value) ? String.valueOf((long) value) : String.valueOf(value))
        .append('\n');
  }

  /**
   * Adds what another process has written in this format; values of one metric stay together.
   *
   * @param text whose # HELP or # TYPE lines come before the values
   */
  void add(String text) {
    StringBuilder family = new StringBuilder();
    String name = "";
    boolean begun = false;
    for (String line : (Iterable<String>) text.lines()::iterator) {
      String[] words = line.split(" ", 4);
      boolean head = line.startsWith("# HELP ") || line.startsWith("# TYPE ");
      if (head && !words[2].equals(name)) {
        name = words[2];
        StringBuilder known = families.get(name);
        family = known == null ? new StringBuilder() : known;
        // the other's first lines say the same
        begun = known != null;
        families.put(name, family);
      }
      if (!head || !begun) {
        family.append(line).append('\n');
      }
    }
  }

  private static String escaped(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }

  @Override
  public String toString() {
    return String.join("", families.values());
  }
}
