package polymarket.backfill.sandbox;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;

/** Reading with Jackson, writing by hand into a StringBuilder: answers are large and many. */
final class Json {
  static final ObjectMapper MAPPER = new ObjectMapper();

  private Json() {}

  static JsonNode read(byte[] bytes) throws IOException {
    return MAPPER.readTree(bytes);
  }

  static JsonNode read(String text) throws JsonProcessingException {
    return MAPPER.readTree(text);
  }

  /** Appends a quoted and escaped string, or null. */
  static StringBuilder string(StringBuilder out, String s) {
    if (s == null) {
      return out.append("null");
    }
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < 0x20) {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    return out.append('"');
  }

  static String quoted(String s) {
    return string(new StringBuilder(s.length() + 2), s).toString();
  }

  /** Appends a list of strings as a JSON array. */
  static StringBuilder strings(StringBuilder out, Iterable<String> list) {
    out.append('[');
    String separator = "";
    for (String s : list) {
      string(out.append(separator), s);
      separator = ",";
    }
    return out.append(']');
  }

  /**
   * Writes an object field by field; null values are written as null, fields left out are not
   * there.
   */
  static final class Obj {
    private final StringBuilder out;
    private boolean any;

    Obj(StringBuilder out) {
      this.out = out.append('{');
    }

    private StringBuilder name(String name) {
      if (any) {
        out.append(',');
      }
      any = true;
      return out.append('"').append(name).append("\":");
    }

    Obj put(String name, String value) {
      string(name(name), value);
      return this;
    }

    Obj put(String name, boolean value) {
      name(name).append(value);
      return this;
    }

    Obj put(String name, long value) {
      name(name).append(value);
      return this;
    }

    /** A literal that is JSON already: a number, null, an array. */
    Obj raw(String name, CharSequence json) {
      name(name).append(json);
      return this;
    }

    StringBuilder end() {
      return out.append('}');
    }
  }
}
