package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * As much of GraphQL as graph-node's clients use: one operation with root fields, aliases,
 * arguments (literals, lists, objects, variables) and nested selections. Values become Java's: Map,
 * List, String, BigInteger, BigDecimal, Boolean, null, and {@link Name} for enum values.
 */
final class GraphQl {

  /** An enum value such as id or desc. */
  record Name(String text) {}

  /** A selected field. */
  record Field(String alias, String name, Map<String, Object> arguments, List<Field> selection) {
    String key() {
      return alias == null ? name : alias;
    }
  }

  /** An error that the server gives inside an HTTP 200. */
  static final class Failure extends Exception {
    final int line;
    final int column;

    Failure(String message, int line, int column) {
      super(message, null, false, false);
      this.line = line;
      this.column = column;
    }

    Failure(String message) {
      this(message, 0, 0);
    }

    String json() {
      StringBuilder out = new StringBuilder("{\"errors\":[{");
      if (line > 0) {
        out.append("\"locations\":[{\"line\":")
            .append(line)
            .append(",\"column\":")
            .append(column)
            .append("}],");
      }
      Json.string(out.append("\"message\":"), getMessage());
      return out.append("}]}").toString();
    }
  }

  private enum Kind {
    NAME,
    STRING,
    INT,
    FLOAT,
    PUNCTUATION,
    END
  }

  private final String text;
  private final JsonNode variables;
  private final Map<String, Object> defaults = new LinkedHashMap<>();
  private int at;
  private int line = 1;
  private int lineStart;

  private Kind kind;
  private String token;
  private int tokenLine;
  private int tokenColumn;

  private GraphQl(String text, JsonNode variables) {
    this.text = text;
    this.variables = variables;
  }

  /** The root fields of a query; throws Failure as the server words it. */
  static List<Field> parse(String query, JsonNode variables) throws Failure {
    GraphQl parser = new GraphQl(query, variables);
    parser.next();
    return parser.document();
  }

  private List<Field> document() throws Failure {
    if (kind == Kind.NAME && token.equals("query")) {
      next();
      if (kind == Kind.NAME) {
        next();
      }
      if (is("(")) {
        variableDefinitions();
      }
    } else if (!is("{")) {
      throw unexpected("`{`, `query`, `mutation`, `subscription` or `fragment`");
    }
    List<Field> fields = selection();
    if (kind != Kind.END) {
      throw unexpected("end of input");
    }
    return fields;
  }

  private void variableDefinitions() throws Failure {
    expect("(");
    while (!is(")")) {
      expect("$");
      String name = name();
      expect(":");
      type();
      if (is("=")) {
        next();
        defaults.put(name, value());
      }
    }
    next();
  }

  private void type() throws Failure {
    if (is("[")) {
      next();
      type();
      expect("]");
    } else {
      name();
    }
    if (is("!")) {
      next();
    }
  }

  private List<Field> selection() throws Failure {
    expect("{");
    List<Field> fields = new ArrayList<>();
    while (!is("}")) {
      fields.add(field());
    }
    if (fields.isEmpty()) {
      throw unexpected("`Name`");
    }
    next();
    return fields;
  }

  private Field field() throws Failure {
    String name = name();
    String alias = null;
    if (is(":")) {
      next();
      alias = name;
      name = name();
    }
    Map<String, Object> arguments = new LinkedHashMap<>();
    if (is("(")) {
      next();
      while (!is(")")) {
        String argument = name();
        expect(":");
        arguments.put(argument, value());
      }
      next();
    }
    return new Field(alias, name, arguments, is("{") ? selection() : List.of());
  }

  private Object value() throws Failure {
    String t = token;
    switch (kind) {
      case STRING -> {
        next();
        return t;
      }
      case INT -> {
        next();
        return new BigInteger(t);
      }
      case FLOAT -> {
        next();
        return new BigDecimal(t);
      }
      case NAME -> {
        next();
        return switch (t) {
          case "true" -> Boolean.TRUE;
          case "false" -> Boolean.FALSE;
          case "null" -> null;
          default -> new Name(t);
        };
      }
      default -> {}
    }
    if (is("[")) {
      next();
      List<Object> list = new ArrayList<>();
      while (!is("]")) {
        list.add(value());
      }
      next();
      return list;
    }
    if (is("{")) {
      next();
      Map<String, Object> map = new LinkedHashMap<>();
      while (!is("}")) {
        String key = name();
        expect(":");
        map.put(key, value());
      }
      next();
      return map;
    }
    if (is("$")) {
      next();
      String variable = name();
      JsonNode given = variables == null ? null : variables.get(variable);
      return given == null || given.isMissingNode() ? defaults.get(variable) : java(given);
    }
    throw unexpected(
        "`IntValue`, `FloatValue`, `StringValue`, `BlockString`, `true`, `false`, `null` or"
            + " `Name`");
  }

  private static Object java(JsonNode node) {
    if (node.isNull()) {
      return null;
    }
    if (node.isTextual()) {
      return node.textValue();
    }
    if (node.isBoolean()) {
      return node.booleanValue();
    }
    if (node.isIntegralNumber()) {
      return node.bigIntegerValue();
    }
    if (node.isNumber()) {
      return node.decimalValue();
    }
    if (node.isArray()) {
      List<Object> list = new ArrayList<>(node.size());
      node.forEach(item -> list.add(java(item)));
      return list;
    }
    Map<String, Object> map = new LinkedHashMap<>();
    node.properties().forEach(entry -> map.put(entry.getKey(), java(entry.getValue())));
    return map;
  }

  private String name() throws Failure {
    if (kind != Kind.NAME) {
      throw unexpected("`Name`");
    }
    String name = token;
    next();
    return name;
  }

  private boolean is(String punctuation) {
    return kind == Kind.PUNCTUATION && token.equals(punctuation);
  }

  private void expect(String punctuation) throws Failure {
    if (!is(punctuation)) {
      throw unexpected("`" + punctuation + "`");
    }
    next();
  }

  private Failure unexpected(String expected) {
    String found =
        kind == Kind.END
            ? "end of input"
            : "`"
                + token
                + "["
                + switch (kind) {
                  case NAME -> "Name";
                  case STRING -> "StringValue";
                  case INT -> "IntValue";
                  case FLOAT -> "FloatValue";
                  default -> "Punctuator";
                }
                + "]`";
    return new Failure("Unexpected " + found + "\nExpected " + expected, tokenLine, tokenColumn);
  }

  private Failure badCharacter(char c) {
    return new Failure(
        "Unexpected `unexpected character '"
            + (c == '\'' ? "\\'" : String.valueOf(c))
            + "'`\n"
            + "Expected `IntValue`, `FloatValue`, `StringValue`, `BlockString`, `true`, `false`,"
            + " `null` or `Name`",
        tokenLine,
        tokenColumn);
  }

  private void next() throws Failure {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '\n') {
        line++;
        lineStart = at + 1;
      } else if (c == '#') {
        while (at < text.length() && text.charAt(at) != '\n') {
          at++;
        }
        continue;
      } else if (c != ' ' && c != ',' && c != '\t' && c != '\r' && c != '\uFEFF') {
        break;
      }
      at++;
    }
    tokenLine = line;
    tokenColumn = at - lineStart + 1;
    if (at == text.length()) {
      kind = Kind.END;
      token = "";
      return;
    }
    char c = text.charAt(at);
    int from = at;
    if (c == '"') {
      string();
    } else if (c == '_' || Character.isLetter(c)) {
      while (at < text.length()
          && (text.charAt(at) == '_' || Character.isLetterOrDigit(text.charAt(at)))) {
        at++;
      }
      kind = Kind.NAME;
      token = text.substring(from, at);
    } else if (c == '-' || c >= '0' && c <= '9') {
      at++;
      while (at < text.length() && "0123456789.eE+-".indexOf(text.charAt(at)) >= 0) {
        at++;
      }
      token = text.substring(from, at);
      kind = token.matches("-?\\d+") ? Kind.INT : Kind.FLOAT;
      if (kind == Kind.FLOAT && !token.matches("-?\\d+(\\.\\d+)?([eE][+-]?\\d+)?")) {
        throw badCharacter(c);
      }
    } else if ("{}()[]:=!$@|&".indexOf(c) >= 0) {
      at++;
      kind = Kind.PUNCTUATION;
      token = String.valueOf(c);
    } else if (text.startsWith("...", at)) {
      at += 3;
      kind = Kind.PUNCTUATION;
      token = "...";
    } else {
      throw badCharacter(c);
    }
  }

  private void string() throws Failure {
    kind = Kind.STRING;
    at++;
    int from = at;
    while (at < text.length()
        && text.charAt(at) != '"'
        && text.charAt(at) != '\\'
        && text.charAt(at) != '\n') {
      at++;
    }
    if (at < text.length() && text.charAt(at) == '"') {
      token = text.substring(from, at++);
      return;
    }
    StringBuilder out = new StringBuilder(text.substring(from, at));
    while (at < text.length() && text.charAt(at) != '"') {
      char c = text.charAt(at++);
      if (c == '\n') {
        throw new Failure(
            "Unexpected `unterminated string value`\nExpected `StringValue`",
            tokenLine,
            tokenColumn);
      }
      if (c != '\\' || at == text.length()) {
        out.append(c);
        continue;
      }
      char escaped = text.charAt(at++);
      switch (escaped) {
        case 'n' -> out.append('\n');
        case 't' -> out.append('\t');
        case 'r' -> out.append('\r');
        case 'b' -> out.append('\b');
        case 'f' -> out.append('\f');
        case 'u' -> {
          out.append(
              (char) Integer.parseInt(text.substring(at, Math.min(at + 4, text.length())), 16));
          at += 4;
        }
        default -> out.append(escaped);
      }
    }
    if (at >= text.length()) {
      throw new Failure(
          "Unexpected `unterminated string value`\nExpected `StringValue`", tokenLine, tokenColumn);
    }
    at++;
    token = out.toString();
  }
}
