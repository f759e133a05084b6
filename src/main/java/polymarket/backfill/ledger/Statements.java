package polymarket.backfill.ledger;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * SQL statements by their names, from a resource file: each name stands on a line {@code -- @name},
 * its statements below that. Other comments are left out.
 */
final class Statements {

  private static final String NAME = "-- @";

  private final Map<String, List<String>> byName = new HashMap<>();

  private Statements(String text) {
    String name = null;
    StringBuilder statement = new StringBuilder();
    for (String line : text.lines().map(String::strip).toList()) {
      if (line.startsWith(NAME)) {
        name = line.substring(NAME.length());
        if (byName.put(name, new ArrayList<>()) != null) {
          throw new IllegalStateException("two statements are named " + name);
        }
      } else if (!line.isEmpty() && !line.startsWith("--")) {
        statement.append(statement.isEmpty() ? "" : "\n").append(line);
        if (line.endsWith(";")) {
          byName.get(name).add(statement.substring(0, statement.length() - 1));
          statement.setLength(0);
        }
      }
    }
    if (!statement.isEmpty()) {
      throw new IllegalStateException("no semicolon ends the last statement of " + name);
    }
  }

  /** Reads a resource file. */
  static Statements read(String resource) {
    try (InputStream in = Statements.class.getResourceAsStream(resource)) {
      return new Statements(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** These statements, and others: those of the same name in their place. */
  Statements with(Statements others) {
    Statements both = new Statements("");
    both.byName.putAll(byName);
    both.byName.putAll(others.byName);
    return both;
  }

  /** All statements of a name, in order. */
  List<String> all(String name) {
    List<String> statements = byName.get(name);
    if (statements == null) {
      throw new IllegalArgumentException("no statement is named " + name);
    }
    return statements;
  }

  /** The first statement of a name. */
  String get(String name) {
    return all(name).get(0);
  }

  /** The same with SQL in the place of names in braces. */
  String get(String name, Map<String, String> fragments) {
    String sql = get(name);
    for (Map.Entry<String, String> fragment : fragments.entrySet()) {
      sql = sql.replace("{" + fragment.getKey() + "}", fragment.getValue());
    }
    return sql;
  }
}
