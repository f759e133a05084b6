package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Home;
import polymarket.backfill.UserError;

/**
 * The expressions of sql/values.sql, which the SQL of the jobs uses as {@code $name(argument, …)}:
 * what a text of an API means is written once. They are put in as text, because functions made in
 * ClickHouse would belong to the whole server. {@code $file(path)} is the text of a data file, as a
 * literal: the user's own below the home folder, or the program's.
 */
final class SqlValues {

  private static final Pattern CALL = Pattern.compile("\\$([a-z]+)\\(");
  private static final Pattern HEAD = Pattern.compile("([a-z]+)\\(([a-z, ]+)\\)");

  private record Value(List<String> parameters, String expression) {}

  private final Map<String, Value> values = new HashMap<>();

  /**
   * @param sections each titled with a name and its parameters
   */
  SqlValues(List<SqlFile.Section> sections) {
    for (SqlFile.Section section : sections) {
      Matcher head = HEAD.matcher(section.title());
      if (!head.matches()) {
        throw new IllegalArgumentException("no name(parameter, …) in -- @value " + section.title());
      }
      values.put(
          head.group(1),
          new Value(List.of(head.group(2).split(",\\s*")), section.statements().get(0)));
    }
  }

  /**
   * The SQL with its calls replaced.
   *
   * @throws IllegalArgumentException where it calls what is not there, or with another number of
   *     arguments
   */
  String expand(String sql) {
    Matcher call = CALL.matcher(sql);
    StringBuilder expanded = new StringBuilder();
    int from = 0;
    while (call.find(from)) {
      expanded.append(sql, from, call.start());
      List<String> arguments = new ArrayList<>();
      from = arguments(sql, call.end(), arguments);
      if (call.group(1).equals("file")) {
        expanded.append(SqlFile.fill("{text}", Map.of("text", text(arguments.get(0)))));
        continue;
      }
      Value value = values.get(call.group(1));
      if (value == null || value.parameters().size() != arguments.size()) {
        throw new IllegalArgumentException(
            "sql/values.sql has no $" + call.group(1) + " of " + arguments.size() + " arguments");
      }
      String expression = value.expression();
      for (int i = 0; i < arguments.size(); i++) {
        expression =
            expression.replaceAll(
                "\\$" + value.parameters().get(i) + "\\b(?!\\()",
                Matcher.quoteReplacement(arguments.get(i)));
      }
      expanded.append(expand(expression));
    }
    return expanded.append(sql, from, sql.length()).toString();
  }

  private static String text(String path) {
    try {
      return new String(Home.read(path), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UserError("cannot read " + path + ": " + e.getMessage());
    }
  }

  /** Reads a call's arguments; gives the place behind its closing bracket. */
  private static int arguments(String sql, int from, List<String> arguments) {
    int depth = 0;
    boolean quoted = false;
    int begin = from;
    for (int i = from; i < sql.length(); i++) {
      char c = sql.charAt(i);
      if (c == '\'') {
        quoted = !quoted;
      } else if (!quoted && (c == '(' || c == '[')) {
        depth++;
      } else if (!quoted && depth > 0 && (c == ')' || c == ']')) {
        depth--;
      } else if (!quoted && depth == 0 && (c == ',' || c == ')')) {
        arguments.add(sql.substring(begin, i).strip());
        begin = i + 1;
        if (c == ')') {
          return begin;
        }
      }
    }
    throw new IllegalArgumentException("a bracket is not closed in " + sql.substring(from));
  }
}
