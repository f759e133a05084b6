package polymarket.backfill.clickhouse;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import polymarket.backfill.Home;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;

/**
 * A job's SQL: a file in sections that begin with a line {@code -- @name title}, see {@link
 * SqlSections}. Comments right below that line are the section's text for people. A statement ends
 * with a semicolon at the end of a line. Names in braces are placeholders.
 */
public final class SqlFile {

  private static final Pattern HEAD = Pattern.compile("^-- @(\\S+)[ \\t]*(.*)$", Pattern.MULTILINE);
  private static final Pattern ATTRIBUTE = Pattern.compile("(?:^|(?<=\\s))([a-z-]+)=(\\S+)\\s*");

  /** Begins the place of a user's own file. */
  private static final String USERS = "sql/";

  /** What ends each statement of a user's own file, so that ClickHouse's error can be traced. */
  private static final Pattern ORIGIN = Pattern.compile("/\\* (" + USERS + "\\S+ @\\S+) \\*/");

  private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z_]+)\\}");

  /**
   * A part of the file.
   *
   * @param name stands after the @
   * @param title the rest of that line, without attributes
   * @param attributes the parts of that line such as min=10, needs=default.trades or
   *     reads=views.trades (a setting that names a table of others)
   * @param statements in order, without semicolons
   * @param line where the section begins, from 1; 0 where it was made from the line @job
   */
  public record Section(
      String name,
      String title,
      Map<String, String> attributes,
      List<String> statements,
      int line) {

    /** The tables of the attribute tables; none without it. */
    public List<String> tables() {
      String tables = attributes.getOrDefault("tables", "");
      return tables.isEmpty() ? List.of() : List.of(tables.split(","));
    }

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
  private final String where;
  private final boolean users;
  private List<Section> sections = new ArrayList<>();

  /**
   * @param where the file, as messages name it
   * @param strict whether unknown sections and attributes are refused
   */
  SqlFile(String name, String where, String text, boolean strict) {
    this.name = name;
    this.where = where;
    this.users = where.startsWith(USERS);
    Matcher head = HEAD.matcher(text);
    List<int[]> bounds = new ArrayList<>();
    List<String[]> heads = new ArrayList<>();
    while (head.find()) {
      if (!bounds.isEmpty()) {
        bounds.get(bounds.size() - 1)[1] = head.start();
      }
      int line = (int) text.substring(0, head.start()).lines().count() + 1;
      bounds.add(new int[] {head.end(), text.length(), line});
      heads.add(new String[] {head.group(1), head.group(2).strip()});
    }
    for (int i = 0; i < bounds.size(); i++) {
      String section = heads.get(i)[0];
      int line = bounds.get(i)[2];
      if (strict && !SqlSections.names().contains(section)) {
        throw unknown(line, "section", "@" + section, section, SqlSections.names());
      }
      Map<String, String> attributes = new HashMap<>();
      String title = attributes(section, heads.get(i)[1], line, strict, attributes);
      sections.add(
          new Section(
              section,
              title,
              attributes,
              statements(text.substring(bounds.get(i)[0], bounds.get(i)[1])).stream()
                  .map(sql -> name.equals("values") ? sql : Values.VALUES.expand(sql))
                  .map(sql -> users ? sql + origin(section, line) : sql)
                  .toList(),
              line));
    }
    if (has("job")) {
      sections = new JobSql(name, this, section("job")).complete(sections);
    }
  }

  /**
   * Takes the attributes out of a section's first line.
   *
   * @return the title: what is left
   */
  private String attributes(
      String section, String head, int line, boolean strict, Map<String, String> to) {
    List<String> known = SqlSections.attributes(section);
    return ATTRIBUTE
        .matcher(head)
        .replaceAll(
            attribute -> {
              String given = attribute.group(1);
              if (!known.contains(given) && strict) {
                throw unknown(line, "attribute", given + " of @" + section, given, known);
              }
              if (!known.contains(given)) {
                return Matcher.quoteReplacement(attribute.group());
              }
              to.put(given, attribute.group(2));
              return "";
            })
        .strip();
  }

  private UserError unknown(int line, String what, String shown, String given, List<String> known) {
    return error(
        line,
        "unknown "
            + what
            + " "
            + shown
            + "."
            + Nearest.hint(given, known)
            + " The "
            + what
            + "s are in docs/SQL-SECTIONS.md");
  }

  private String origin(String section, int line) {
    return " /* " + where + ":" + line + " @" + section + " */";
  }

  /**
   * Where a statement stands in a file of the user's own.
   *
   * @return file, line of the section and its name; empty for the program's own SQL
   */
  static Optional<String> originOf(String sql) {
    Matcher origin = ORIGIN.matcher(sql);
    return origin.find() ? Optional.of(origin.group(1)) : Optional.empty();
  }

  /** The statement as it stands in the file: where it stands is no part of what it does. */
  static String withoutOrigin(String sql) {
    return ORIGIN.matcher(sql).replaceFirst("").stripTrailing();
  }

  /** A mistake in the file, at a line from 1. */
  UserError error(int line, String what) {
    return new UserError(where + ":" + line + ": " + what);
  }

  /** The user's own file, which replaces the program's of the same name. */
  private static Path own(String name) {
    return Home.folder().resolve("sql").resolve(name + ".sql");
  }

  /** Whether there is a file NAME.sql, the user's own in sql/ or one of the program. */
  public static boolean exists(String name) {
    return Files.exists(own(name)) || SqlFile.class.getResource("/sql/" + name + ".sql") != null;
  }

  /**
   * Reads the user's own file sql/NAME.sql, or the program's where there is none.
   *
   * @param name the file's name below sql/ without .sql
   * @throws UserError where there is none, or a section or an attribute of it is unknown
   */
  public static SqlFile read(String name) {
    boolean users = Files.exists(own(name));
    try {
      return new SqlFile(
          name,
          (users ? USERS : "src/main/resources/sql/") + name + ".sql",
          new String(Home.read("sql/" + name + ".sql"), StandardCharsets.UTF_8),
          users || Files.exists(Home.folder().resolve("routes/jobs/" + name + ".job.yaml")));
    } catch (FileNotFoundException e) {
      throw new UserError("no file sql/" + name + ".sql with the tables of " + name);
    } catch (IOException e) {
      throw new UserError("cannot read sql/" + name + ".sql: " + UserError.reason(e));
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

  /** The file's name below sql/ without .sql. */
  public String name() {
    return name;
  }

  public boolean has(String section) {
    return sections.stream().anyMatch(candidate -> candidate.name().equals(section));
  }

  /**
   * The section of that name; the first where there are several.
   *
   * @throws UserError where there is none
   */
  public Section section(String section) {
    return sections.stream()
        .filter(candidate -> candidate.name().equals(section))
        .findFirst()
        .orElseThrow(() -> new UserError(where + " has no section -- @" + section));
  }

  /**
   * The section {@code -- @query NAME}, which a route of the job asks.
   *
   * @throws UserError where there is none
   */
  public Section query(String query) {
    return sections("query").stream()
        .filter(candidate -> candidate.title().equals(query))
        .findFirst()
        .orElseThrow(() -> new UserError(where + " has no section -- @query " + query));
  }

  /** All sections of that name, in order. */
  public List<Section> sections(String section) {
    return sections(List.of(section));
  }

  /** All sections of these names, in the file's order. */
  public List<Section> sections(List<String> names) {
    return sections.stream().filter(candidate -> names.contains(candidate.name())).toList();
  }

  /**
   * Values with the file's expressions, {@code -- @expression NAME}, which other sections name as
   * {@code {NAME}}. An expression may name values, and expressions above it.
   */
  public Map<String, Object> expressions(Map<String, ?> values) {
    Map<String, Object> all = new HashMap<>(values);
    sections("expression").forEach(each -> all.put(each.title(), new Raw(each.sql(all))));
    return all;
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
      filled.append(Quoted.value(values.get(matcher.group(1))));
    }
    return matcher.appendTail(filled).toString();
  }
}
