package polymarket.backfill.clickhouse;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The sections that a job's SQL file may have, each with its attributes; docs/SQL-SECTIONS.md
 * explains every one. The program's files for single commands have others beside them, which these
 * commands name.
 */
public final class SqlSections {

  private static final Map<String, List<String>> KNOWN = new LinkedHashMap<>();

  static {
    KNOWN.put("job", List.of("target", "key", "id", "source"));
    KNOWN.put("setup", List.of("after"));
    KNOWN.put("rejected", List.of());
    KNOWN.put("has-rows", List.of());
    KNOWN.put("present", List.of());
    KNOWN.put("stored", List.of());
    KNOWN.put("redone", List.of("tables"));
    KNOWN.put("cleared", List.of());
    KNOWN.put("noted", List.of());
    KNOWN.put("others", List.of());
    KNOWN.put("ends", List.of());
    KNOWN.put("replaced", List.of());
    KNOWN.put("unread", List.of());
    KNOWN.put("query", List.of());
    KNOWN.put("ids", List.of("needs", "reads", "filled"));
    KNOWN.put("ids-after", List.of("stages"));
    KNOWN.put("note", List.of());
    KNOWN.put("take", List.of());
    KNOWN.put("unknown", List.of());
    KNOWN.put("again", List.of());
    KNOWN.put("requests", List.of());
    KNOWN.put("token-ids", List.of());
    KNOWN.put("finish-keys", List.of());
    KNOWN.put("finish", List.of());
    KNOWN.put("unfinished", List.of());
    KNOWN.put("check", List.of("needs", "chart"));
    KNOWN.put("measure", List.of("min", "max", "unit", "ledger", "needs"));
    KNOWN.put("unproved", List.of("min", "max", "unit", "ledger", "needs"));
    KNOWN.put("verify", List.of("needs"));
    KNOWN.put("coverage", List.of("ledger", "needs", "reads"));
    KNOWN.put("missing", List.of());
    KNOWN.put("diagnosis", List.of());
    KNOWN.put("recent", List.of("needs"));
    KNOWN.put("view", List.of("needs", "reads"));
    KNOWN.put("without", List.of());
    KNOWN.put("id", List.of("ledger"));
    KNOWN.put(
        "law", List.of("by", "case", "glance", "needs", "whole", "opening", "born", "origin"));
  }

  private SqlSections() {}

  /** The names of all sections, in the order of their documentation. */
  public static List<String> names() {
    return List.copyOf(KNOWN.keySet());
  }

  /** The attributes that a section may have. */
  public static List<String> attributes(String section) {
    return KNOWN.getOrDefault(section, List.of());
  }
}
