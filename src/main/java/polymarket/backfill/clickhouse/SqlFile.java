package polymarket.backfill.clickhouse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A job's SQL: a resource below sql/ in sections that begin with a line {@code -- @name title}.
 * Comments right below that line are the section's text for people. A statement ends with a
 * semicolon at the end of a line. Names in braces are placeholders.
 */
public final class SqlFile {

  private static final Pattern HEAD = Pattern.compile("^-- @(\\S+)[ \\t]*(.*)$", Pattern.MULTILINE);
  private static final Pattern ATTRIBUTE =
      Pattern.compile("\\b(min|max|unit|needs|reads|filled|ledger|after|chart|tables)=(\\S+)\\s*");
  private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z_]+)\\}");

  /**
   * A part of the file.
   *
   * @param name stands after the @
   * @param title the rest of that line, without attributes
   * @param attributes the parts of that line such as min=10, needs=default.trades or
   *     reads=views.trades (a setting that names a table of others)
   * @param statements in order, without semicolons
   */
  public record Section(
      String name, String title, Map<String, String> attributes, List<String> statements) {

    /** The one statement, with its placeholders filled in. */
    public String sql(Map<String, ?> values) {
      return fill(statements.get(0), values);
    }
  }

  /**
   * A placeholder's value that is SQL itself, such as the name of a column that the table at hand
   * has.
   */
  public record Raw(String sql) {}

  /** Made when a file first has a call; the file of the values itself is read as it stands. */
  private static final class Values {
    private static final SqlValues VALUES = new SqlValues(read("values").sections("value"));
  }

  private final String name;
  private final List<Section> sections = new ArrayList<>();

  private SqlFile(String name, String text) {
    this.name = name;
    Matcher head = HEAD.matcher(text);
    List<int[]> bounds = new ArrayList<>();
    List<String[]> heads = new ArrayList<>();
    while (head.find()) {
      if (!bounds.isEmpty()) {
        bounds.get(bounds.size() - 1)[1] = head.start();
      }
      bounds.add(new int[] {head.end(), text.length()});
      heads.add(new String[] {head.group(1), head.group(2).strip()});
    }
    for (int i = 0; i < bounds.size(); i++) {
      Map<String, String> attributes = new HashMap<>();
      String title =
          ATTRIBUTE
              .matcher(heads.get(i)[1])
              .replaceAll(
                  attribute -> {
                    attributes.put(attribute.group(1), attribute.group(2));
                    return "";
                  })
              .strip();
      sections.add(
          new Section(
              heads.get(i)[0],
              title,
              attributes,
              statements(text.substring(bounds.get(i)[0], bounds.get(i)[1])).stream()
                  .map(sql -> name.equals("values") ? sql : Values.VALUES.expand(sql))
                  .toList()));
    }
  }

  /** Whether a resource sql/NAME.sql is there. */
  public static boolean exists(String name) {
    return SqlFile.class.getResource("/sql/" + name + ".sql") != null;
  }

  /**
   * @param name the file's name below sql/ without .sql
   */
  public static SqlFile read(String name) {
    try (InputStream in = SqlFile.class.getResourceAsStream("/sql/" + name + ".sql")) {
      if (in == null) {
        throw new IllegalArgumentException("no src/main/resources/sql/" + name + ".sql");
      }
      return new SqlFile(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new IllegalStateException("cannot read sql/" + name + ".sql", e);
    }
  }

  /** Splits at semicolons that end a line; lines that are comments are left out. */
  static List<String> statements(String text) {
    StringBuilder code = new StringBuilder();
    text.lines()
        .filter(line -> !line.strip().startsWith("--"))
        .forEach(line -> code.append(line).append('\n'));
    List<String> statements = new ArrayList<>();
    for (String statement : code.toString().split(";[ \\t]*(?:\\n|$)")) {
      if (!statement.isBlank()) {
        statements.add(statement.strip());
      }
    }
    return statements;
  }

  public boolean has(String section) {
    return sections.stream().anyMatch(candidate -> candidate.name().equals(section));
  }

  /** The section of that name; the first where there are several. */
  public Section section(String section) {
    return sections.stream()
        .filter(candidate -> candidate.name().equals(section))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no section -- @" + section + " in sql/" + name + ".sql"));
  }

  /** All sections of that name, in order. */
  public List<Section> sections(String section) {
    return sections.stream().filter(candidate -> candidate.name().equals(section)).toList();
  }

  /**
   * Puts values in the place of {names}: lists and texts as quoted literals, numbers and raw SQL as
   * they are.
   */
  public static String fill(String sql, Map<String, ?> values) {
    Matcher matcher = PLACEHOLDER.matcher(sql);
    StringBuilder filled = new StringBuilder(sql.length() + 64);
    while (matcher.find()) {
      if (!values.containsKey(matcher.group(1))) {
        throw new IllegalArgumentException(
            "no value for {" + matcher.group(1) + "} in: " + sql.lines().findFirst().orElse(""));
      }
      matcher.appendReplacement(filled, "");
      literal(filled, values.get(matcher.group(1)));
    }
    return matcher.appendTail(filled).toString();
  }

  private static void literal(StringBuilder to, Object value) {
    if (value instanceof Iterable<?> list) {
      String comma = "";
      for (Object element : list) {
        to.append(comma);
        literal(to, element);
        comma = ",";
      }
    } else if (value instanceof Number) {
      to.append(value);
    } else if (value instanceof Raw raw) {
      to.append(raw.sql());
    } else if (value instanceof Boolean flag) {
      to.append(flag ? 1 : 0);
    } else {
      to.append('\'')
          .append(String.valueOf(value).replace("\\", "\\\\").replace("'", "\\'"))
          .append('\'');
    }
  }
}
