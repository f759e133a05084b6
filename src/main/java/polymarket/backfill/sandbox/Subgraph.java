package polymarket.backfill.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.math.BigInteger;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A subgraph as graph-node serves it: POST {query, variables}, errors inside HTTP 200, {@code
 * first} 100 by default and 0 to 1000, {@code skip} 0 to 5000.
 */
abstract class Subgraph extends Source {
  private static final Set<String> LIST_ARGUMENTS =
      Set.of("where", "first", "skip", "orderBy", "orderDirection", "block", "subgraphError");

  private final Universe universe;

  Subgraph(String name, String prefix, List<Limit> limits, Universe universe) {
    super(name, prefix, limits);
    this.universe = universe;
  }

  /** What a list query asks for, checked. */
  record Page(Map<String, Object> where, int first, int skip, String orderBy, boolean descending) {

    /** A list in the filter (or a single value as one), or null where there is none. */
    Collection<?> list(String key) {
      Object value = where.get(key);
      return value == null ? null : value instanceof Collection<?> list ? list : List.of(value);
    }

    /** A list of strings in the filter without repeats, or null where there is none. */
    Set<String> in(String key) {
      Collection<?> list = list(key);
      if (list == null) {
        return null;
      }
      Set<String> set = new LinkedHashSet<>();
      list.forEach(item -> set.add(String.valueOf(item)));
      return set;
    }

    /** A value of the filter as text, or null. */
    String text(String key) {
      Object value = where.get(key);
      return value == null ? null : value.toString();
    }
  }

  /**
   * Writes one root field's value and gives its number of rows; null where there is no such root
   * field.
   */
  abstract Integer resolve(GraphQl.Field field, Request request, StringBuilder out)
      throws GraphQl.Failure;

  /** The last second that the subgraph has seen: earlier where it is behind. */
  static long seen(Request request) {
    Damage behind = Damage.of(request, "behind");
    return Universe.FREEZE - (behind == null ? 0 : behind.seconds());
  }

  @Override
  final Answer answer(Request request) throws Exception {
    if (!request.method.equals("POST")) {
      return request.method.equals("OPTIONS")
          ? Answer.text(200, "")
          : Answer.text(405, "Method not allowed\n");
    }
    JsonNode body;
    try {
      body = Json.read(request.body);
    } catch (IOException e) {
      return Answer.json(400, "{\"message\":\"Unexpected token in JSON\",\"statusCode\":400}");
    }
    if (body == null || !body.path("query").isTextual()) {
      return Answer.json(
          "{\"errors\":[{\"message\":\"The \\\"query\\\" field is missing in the request"
              + " body\"}]}");
    }
    try {
      List<GraphQl.Field> fields =
          GraphQl.parse(body.get("query").textValue(), body.get("variables"));
      StringBuilder out = new StringBuilder(64 << 10).append("{\"data\":{");
      int rows = 0;
      for (GraphQl.Field field : fields) {
        if (out.length() > 9) {
          out.append(',');
        }
        Json.string(out, field.key()).append(':');
        rows += root(field, request, out);
      }
      return Answer.json(out.append("}}")).rows(rows);
    } catch (GraphQl.Failure e) {
      return Answer.json(e.json());
    }
  }

  private int root(GraphQl.Field field, Request request, StringBuilder out) throws GraphQl.Failure {
    if (field.name().equals("__typename")) {
      out.append("\"Query\"");
      return 0;
    }
    if (field.name().equals("_meta")) {
      meta(field, universe.blockOf(seen(request)), out);
      return 0;
    }
    Integer rows = resolve(field, request, out);
    if (rows == null) {
      throw noField("Query", field.name());
    }
    return rows;
  }

  private void meta(GraphQl.Field field, long block, StringBuilder out) throws GraphQl.Failure {
    object(
        field,
        out,
        "_Meta_",
        (name, inner) ->
            switch (name.name()) {
              case "deployment" -> Json.string(inner, "QmSandbox").length() > 0;
              case "hasIndexingErrors" -> inner.append(false).length() > 0;
              case "block" -> {
                object(
                    name,
                    inner,
                    "_Block_",
                    (part, innermost) ->
                        switch (part.name()) {
                          case "number" -> innermost.append(block).length() > 0;
                          case "timestamp" -> innermost.append(universe.timeOf(block)).length() > 0;
                          case "hash" ->
                              innermost
                                      .append("\"0x")
                                      .append(universe.blockHash(block))
                                      .append('"')
                                      .length()
                                  > 0;
                          default -> false;
                        });
                yield true;
              }
              default -> false;
            });
  }

  /** Writes one field of an entity; false where the entity has no such field. */
  interface FieldWriter {
    boolean write(GraphQl.Field field, StringBuilder out) throws GraphQl.Failure;
  }

  /** Writes the selected fields of an entity as an object. */
  static void object(GraphQl.Field field, StringBuilder out, String type, FieldWriter writer)
      throws GraphQl.Failure {
    if (field.selection().isEmpty()) {
      throw new GraphQl.Failure(
          "Field `" + field.name() + "` of type `" + type + "` must have a selection of subfields");
    }
    out.append('{');
    boolean any = false;
    for (GraphQl.Field selected : field.selection()) {
      if (any) {
        out.append(',');
      }
      any = true;
      out.append('"').append(selected.key()).append("\":");
      if (selected.name().equals("__typename")) {
        Json.string(out, type);
      } else if (!writer.write(selected, out)) {
        throw noField(type, selected.name());
      }
    }
    out.append('}');
  }

  /**
   * graph-node checks the selection before it runs the query: an unknown field is an error for an
   * empty list too.
   */
  static void checkSelection(GraphQl.Field field, String type, Set<String> known)
      throws GraphQl.Failure {
    if (field.selection().isEmpty()) {
      throw new GraphQl.Failure(
          "Field `" + field.name() + "` of type `" + type + "` must have a selection of subfields");
    }
    for (GraphQl.Field selected : field.selection()) {
      if (!known.contains(selected.name()) && !selected.name().equals("__typename")) {
        throw noField(type, selected.name());
      }
    }
  }

  static GraphQl.Failure noField(String type, String name) {
    return new GraphQl.Failure("Type `" + type + "` has no field `" + name + "`");
  }

  /** Reads and checks a list query's arguments; filters names the keys that `where` may have. */
  static Page page(GraphQl.Field field, Set<String> filters, Set<String> orders)
      throws GraphQl.Failure {
    for (String argument : field.arguments().keySet()) {
      if (!LIST_ARGUMENTS.contains(argument)) {
        throw new GraphQl.Failure(
            "Unknown argument \""
                + argument
                + "\" on field \""
                + field.name()
                + "\" of type \"Query\".");
      }
    }
    int first = bounded(field, "first", 100, 1000);
    int skip = bounded(field, "skip", 0, 5000);
    Object given = field.arguments().get("where");
    if (given != null && !(given instanceof Map)) {
      throw new GraphQl.Failure("Invalid value provided for argument `where`: " + given);
    }
    @SuppressWarnings("unchecked")
    Map<String, Object> where = given == null ? Map.of() : (Map<String, Object>) given;
    for (String key : where.keySet()) {
      if (!filters.contains(key)) {
        throw new GraphQl.Failure(
            "Invalid value provided for argument `where`: unknown field `" + key + "`");
      }
    }
    String orderBy = word(field, "orderBy", "id");
    if (!orders.contains(orderBy)) {
      throw new GraphQl.Failure(
          "Invalid value provided for argument `orderBy`: Enum(\"" + orderBy + "\")");
    }
    String direction = word(field, "orderDirection", "asc");
    if (!direction.equals("asc") && !direction.equals("desc")) {
      throw new GraphQl.Failure(
          "Invalid value provided for argument `orderDirection`: Enum(\"" + direction + "\")");
    }
    return new Page(where, first, skip, orderBy, direction.equals("desc"));
  }

  private static String word(GraphQl.Field field, String argument, String otherwise) {
    Object value = field.arguments().get(argument);
    return value == null
        ? otherwise
        : value instanceof GraphQl.Name name ? name.text() : value.toString();
  }

  private static int bounded(GraphQl.Field field, String argument, int otherwise, int most)
      throws GraphQl.Failure {
    Object value = field.arguments().get(argument);
    if (value == null) {
      return otherwise;
    }
    if (!(value instanceof BigInteger number)) {
      throw new GraphQl.Failure("Invalid value provided for argument `" + argument + "`: " + value);
    }
    if (number.signum() < 0 || number.compareTo(BigInteger.valueOf(most)) > 0) {
      throw new GraphQl.Failure(
          "The `" + argument + "` argument must be between 0 and " + most + ", but is " + number);
    }
    return number.intValue();
  }

  @Override
  Answer tooMany(Request request, long waitMillis) {
    return Answer.json(
        429, "{\"statusCode\":429,\"message\":\"Too many requests, please try again later.\"}");
  }

  @Override
  Answer error(Request request, int status, String message) {
    StringBuilder out =
        new StringBuilder("{\"statusCode\":").append(status).append(",\"message\":");
    return Answer.json(status, Json.string(out, message).append('}'));
  }

  @Override
  Answer errorInside200(Request request, String message) {
    return Answer.json(new GraphQl.Failure(message).json());
  }

  @Override
  Answer notFound(Request request) {
    return error(request, 404, "Subgraph not found. Have you deleted this subgraph recently? ...");
  }
}
