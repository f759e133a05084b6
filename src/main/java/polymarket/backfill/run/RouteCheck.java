package polymarket.backfill.run;

import com.jayway.jsonpath.InvalidPathException;
import com.jayway.jsonpath.JsonPath;
import java.beans.Introspector;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.CamelContext;
import org.apache.camel.spi.EndpointUriFactory;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.YamlFile;
import polymarket.backfill.job.ExchangeProperties;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.BatchWork;

/**
 * Finds mistakes in route files that Camel itself notices only when a message comes to them, and
 * then as a failure that is retried: a name that leads nowhere, a source without its limit, an
 * expression that cannot be read. Each is a {@link polymarket.backfill.UserError} with file and
 * line. What Camel refuses when it builds the routes is left to it.
 */
final class RouteCheck {

  private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{([^{}?!:]+)([^{}]*)}}");
  private static final Pattern PROPERTY =
      Pattern.compile("\\$\\{exchangeProperty\\.([A-Za-z0-9_-]+)((?:[^{}']|'[^']*')*)}");
  private static final Pattern CALL = Pattern.compile("(?s)\\s*([A-Za-z0-9_]+)\\s*(\\(.*\\))?\\s*");
  private static final Pattern STEP_OF_OGNL =
      Pattern.compile("\\??\\.\\??([A-Za-z0-9_]+)(\\([^)]*\\))?|(\\[[^]]*])");

  /** Keys whose value names a bean. */
  private static final Set<String> REFERENCES =
      Set.of("ref", "onExceptionOccurredRef", "idempotentRepository", "executorService");

  private final Settings settings;
  private final Map<String, Object> beans;
  private final CamelContext context;
  private final List<YamlFile> files = new ArrayList<>();
  private final Map<YamlFile, Node> roots = new LinkedHashMap<>();

  /** Routes by their ids, and by the endpoints that they begin with. */
  private final Map<String, MappingNode> ids = new HashMap<>();

  private final Set<String> direct = new TreeSet<>();
  private final Set<String> properties = new TreeSet<>();

  /** What the exchange properties are whose type is known. */
  private final Map<String, Set<Class<?>>> types = new HashMap<>();

  /**
   * @param beans what the routes refer to by name
   * @param context reads expressions; its routes are of no account
   */
  RouteCheck(Settings settings, Map<String, Object> beans, CamelContext context) {
    this.settings = settings;
    this.beans = beans;
    this.context = context;
    types.put(BatchWork.PROPERTY, Set.of(BatchWork.class));
    for (Field constant : ExchangeProperties.class.getFields()) {
      try {
        properties.add(String.valueOf(constant.get(null)));
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /**
   * @param loaded the files of a run, as URIs: a name in one may lead to another
   * @param jobs of the run: each needs its own route and its source's
   * @throws polymarket.backfill.UserError for the first mistake
   */
  void check(Collection<String> loaded, Collection<Job> jobs) {
    for (String uri : loaded) {
      YamlFile file = new YamlFile(settings.home(), Path.of(java.net.URI.create(uri)));
      files.add(file);
      roots.put(file, file.root("routes"));
    }
    roots.forEach(this::declare);
    roots.forEach(this::walk);
    for (String uri : loaded) {
      Path file = Path.of(java.net.URI.create(uri));
      String name = file.getFileName().toString().replaceFirst("\\..*", "");
      if (file.getParent().equals(settings.home().resolve("routes/sources"))
          && (ids.containsKey(name) || direct.contains(name))) {
        source(name, "");
      }
    }
    for (Job job : jobs) {
      source(job);
    }
  }

  private void source(Job job) {
    source(job.getSource(), ", which the job " + job.getName() + " asks");
    if (!direct.contains(job.getName() + "-ask")) {
      String asks = "routes/jobs/" + job.getName() + ".camel.yaml";
      throw new YamlFile(settings.home(), settings.home().resolve(asks))
          .error(
              1,
              "there is no route that starts with direct:"
                  + job.getName()
                  + "-ask, with which the job calls its source."
                  + Nearest.hint(job.getName() + "-ask", direct));
    }
  }

  /**
   * Checks a source's route and its limit, also of a source that no job of the run asks.
   *
   * @param asked by whom; may be empty
   */
  private void source(String name, String asked) {
    YamlFile yaml =
        new YamlFile(
            settings.home(), settings.home().resolve("routes/sources/" + name + ".camel.yaml"));
    MappingNode route = ids.get(name);
    if (route == null || !direct.contains(name)) {
      throw yaml.error(
          1, "there is no route with the id " + name + " that starts with direct:" + name + asked);
    }
    int throttles = 0;
    for (Node step : steps(route)) {
      throttles += step instanceof MappingNode map && child(map, "throttle") != null ? 1 : 0;
    }
    if (throttles == 0) {
      refuseMisspelt("throttle", route, yaml);
    }
    if (throttles != 1) {
      throw yaml.error(
          route,
          throttles == 0
              ? "route "
                  + name
                  + " has no throttle among its steps; a source takes one, with its limit"
              : "route " + name + " has " + throttles + " throttles; keep one");
    }
  }

  /** Names the step that is most likely meant to be the missing one, by its line. */
  private static void refuseMisspelt(String missing, MappingNode route, YamlFile yaml) {
    for (Node step : steps(route)) {
      if (step instanceof MappingNode map && map.getValue().size() == 1) {
        Node name = map.getValue().get(0).getKeyNode();
        String text = ((ScalarNode) name).getValue();
        String hint = Nearest.hint(text, List.of(missing));
        if (!hint.isEmpty()) {
          throw yaml.error(name, "there is no step '" + text + "'." + hint);
        }
      }
    }
  }

  private static List<Node> steps(MappingNode route) {
    Node from = child(route, "from");
    Node steps = from instanceof MappingNode map ? child(map, "steps") : null;
    steps = steps == null ? child(route, "steps") : steps;
    return steps instanceof SequenceNode list ? list.getValue() : List.of();
  }

  /** Records the routes, endpoints and exchange properties of a file. */
  private void declare(YamlFile file, Node node) {
    if (node instanceof SequenceNode list) {
      list.getValue().forEach(each -> declare(file, each));
    } else if (node instanceof MappingNode map) {
      for (NodeTuple tuple : map.getValue()) {
        if ("route".equals(text(tuple.getKeyNode()))
            && tuple.getValueNode() instanceof MappingNode route) {
          declareRoute(file, route);
        }
        if ("setProperty".equals(text(tuple.getKeyNode()))
            && tuple.getValueNode() instanceof MappingNode set) {
          String name = text(child(set, "name"));
          properties.add(String.valueOf(name));
          if (!types.getOrDefault(name, Set.of()).contains(BatchWork.class)) {
            types
                .computeIfAbsent(name, key -> new LinkedHashSet<>())
                .addAll(typesOfMethod(child(set, "expression")));
          }
        }
        declare(file, tuple.getValueNode());
      }
    }
  }

  private void declareRoute(YamlFile file, MappingNode route) {
    String id = text(child(route, "id"));
    if (id == null) {
      throw file.error(route, "a route has no id; an edit cannot replace a route without one");
    }
    if (ids.put(id, route) != null) {
      throw file.error(
          child(route, "id"), "there is another route with the id '" + id + "'; rename one");
    }
    Node from = child(route, "from");
    Node uri = from instanceof MappingNode map ? child(map, "uri") : from;
    String text = text(uri);
    if (text != null && text.startsWith("direct:") && !direct.add(text.substring(7))) {
      throw file.error(uri, "another route starts with " + text + " too; rename one");
    }
  }

  /** What an expression may give: a bean method's types, or any for another expression. */
  private Set<Class<?>> typesOfMethod(Node expression) {
    Set<Class<?>> types = new LinkedHashSet<>();
    if (expression instanceof MappingNode language
        && child(language, "method") instanceof MappingNode map
        && text(child(map, "ref")) != null
        && beans.containsKey(text(child(map, "ref")))
        && text(child(map, "method")) != null) {
      String name = text(child(map, "method")).replaceFirst("(?s)\\s*\\(.*", "").strip();
      for (Method method : beans.get(text(child(map, "ref"))).getClass().getMethods()) {
        if (method.getName().equals(name)) {
          types.add(method.getReturnType());
        }
      }
    }
    return types.isEmpty() ? Set.of(Object.class) : types;
  }

  private void walk(YamlFile file, Node node) {
    if (node instanceof SequenceNode list) {
      list.getValue().forEach(each -> walk(file, each));
    } else if (node instanceof MappingNode map) {
      for (NodeTuple tuple : map.getValue()) {
        entry(file, map, String.valueOf(text(tuple.getKeyNode())), tuple.getValueNode());
        walk(file, tuple.getValueNode());
      }
    } else if (node instanceof ScalarNode scalar) {
      placeholders(file, scalar);
      exchangeProperties(file, scalar);
    }
  }

  private void entry(YamlFile file, MappingNode in, String key, Node value) {
    String text = text(value);
    switch (key) {
      case "to", "toD" -> endpoint(file, value);
      case "throttle" -> throttle(file, value);
      case "simple" -> simple(file, expression(value));
      case "jsonpath" -> jsonpath(file, expression(value));
      case "method" -> {
        if (text != null && text(child(in, "ref")) != null) {
          method(file, text(child(in, "ref")), value, text);
        }
      }
      default -> {
        if (REFERENCES.contains(key) && text != null && !text.contains("{{")) {
          reference(file, value, text);
        }
      }
    }
  }

  private void endpoint(YamlFile file, Node to) {
    Node uri = to instanceof MappingNode map ? child(map, "uri") : to;
    String text = text(uri);
    if (text == null) {
      return;
    }
    if (text.startsWith("direct:") && !text.contains("${")) {
      String name = text.substring("direct:".length());
      if (!direct.contains(name)) {
        throw file.error(
            uri,
            "no route starts with "
                + text
                + ", so a call to it would fail."
                + Nearest.hint(name, direct));
      }
    }
    Node parameters = to instanceof MappingNode map ? child(map, "parameters") : null;
    if (parameters instanceof MappingNode map) {
      options(file, text, map);
    }
  }

  /** Camel sends an unknown option of an HTTP endpoint to the server, and refuses all others. */
  private void options(YamlFile file, String uri, MappingNode parameters) {
    String scheme = uri.replaceFirst("(?s):.*", "");
    EndpointUriFactory factory = context.getCamelContextExtension().getEndpointUriFactory(scheme);
    if (factory == null || !scheme.matches("https?")) {
      return;
    }
    Set<String> known = new TreeSet<>(factory.propertyNames());
    // time-outs are the component's, and an endpoint may have its own
    for (Method method : context.getComponent(scheme).getClass().getMethods()) {
      if (method.getName().startsWith("set") && method.getParameterCount() == 1) {
        known.add(Introspector.decapitalize(method.getName().substring(3)));
      }
    }
    Map<String, String> names = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    known.forEach(name -> names.put(name, name));
    for (NodeTuple option : parameters.getValue()) {
      String name = String.valueOf(text(option.getKeyNode()));
      if (!names.containsKey(name)) {
        throw file.error(
            option.getKeyNode(),
            "the endpoint " + uri + " has no option '" + name + "'." + Nearest.hint(name, known));
      }
    }
  }

  private void throttle(YamlFile file, Node throttle) {
    Node expression = throttle instanceof MappingNode map ? child(map, "expression") : null;
    Node constant =
        expression instanceof MappingNode map
            ? child(map, "constant")
            : throttle instanceof MappingNode map ? child(map, "constant") : null;
    Node value = constant == null ? null : expression(constant);
    if (constant == null && !(expression instanceof MappingNode map && !map.getValue().isEmpty())
        || constant != null && (text(value) == null || text(value).isBlank())) {
      throw file.error(
          throttle,
          "the throttle has no expression: how many requests it lets through in timePeriodMillis,"
              + " such as constant: expression: \"50\"");
    }
    number(file, value, "the throttle's expression");
    Node period = throttle instanceof MappingNode map ? child(map, "timePeriodMillis") : null;
    number(file, period, "timePeriodMillis");
  }

  private static void number(YamlFile file, Node node, String what) {
    String text = text(node);
    if (text != null && !text.contains("{{") && !text.strip().matches("0*[1-9][0-9]{0,9}")) {
      throw file.error(node, what + " is '" + text + "'; it takes a whole number of at least 1");
    }
  }

  private void simple(YamlFile file, Node expression) {
    String text = text(expression);
    if (text != null && !text.contains("{{")) {
      try {
        context.resolveLanguage("simple").createExpression(text);
      } catch (RuntimeException e) {
        throw file.error(expression, "'" + text + "' cannot be read: " + RouteReload.mistake(e));
      }
    }
  }

  private static void jsonpath(YamlFile file, Node expression) {
    String text = text(expression);
    if (text != null && !text.contains("{{") && !text.contains("${")) {
      try {
        JsonPath.compile(text);
      } catch (InvalidPathException | IllegalArgumentException e) {
        throw file.error(expression, "'" + text + "' is not a JSONPath: " + e.getMessage());
      }
    }
  }

  private void reference(YamlFile file, Node at, String name) {
    String bean = name.startsWith("#bean:") ? name.substring("#bean:".length()) : name;
    if (!bean.startsWith("#") && !beans.containsKey(bean)) {
      throw file.error(
          at,
          "there is no bean '" + bean + "'." + Nearest.hint(bean, new TreeSet<>(beans.keySet())));
    }
  }

  private void method(YamlFile file, String ref, Node at, String text) {
    Matcher call = CALL.matcher(text);
    if (!beans.containsKey(ref) || !call.matches()) {
      return;
    }
    Set<String> names = new TreeSet<>();
    for (Method method : beans.get(ref).getClass().getMethods()) {
      if (method.getDeclaringClass() != Object.class) {
        names.add(method.getName());
      }
    }
    if (!names.contains(call.group(1))) {
      throw file.error(
          at,
          "the bean "
              + ref
              + " has no method '"
              + call.group(1)
              + "'."
              + Nearest.hint(call.group(1), names));
    }
  }

  private void placeholders(YamlFile file, ScalarNode scalar) {
    Matcher placeholder = PLACEHOLDER.matcher(scalar.getValue());
    while (placeholder.find()) {
      String key = placeholder.group(1).strip();
      if (placeholder.group(2).isEmpty() && !settings.has(key)) {
        throw file.error(
            scalar,
            "there is no setting '" + key + "'." + Nearest.hint(key, settings.all().keySet()));
      }
    }
  }

  private void exchangeProperties(YamlFile file, ScalarNode scalar) {
    Matcher property = PROPERTY.matcher(scalar.getValue());
    while (property.find()) {
      String name = property.group(1);
      if (!properties.contains(name) && !name.startsWith("Camel")) {
        throw file.error(
            scalar,
            "no step sets the exchange property '" + name + "'." + Nearest.hint(name, properties));
      }
      if (types.containsKey(name)) {
        ognl(file, scalar, name, types.get(name), property.group(2));
      }
    }
  }

  /** Follows what stands behind a property's name as far as the types are known. */
  private static void ognl(
      YamlFile file, ScalarNode scalar, String name, Set<Class<?>> types, String rest) {
    Matcher step = STEP_OF_OGNL.matcher(rest);
    Set<Class<?>> at = types;
    String path = name;
    while (step.find()
        && step.group(1) != null
        && at.stream().allMatch(type -> type.getPackageName().startsWith("polymarket"))) {
      Map<String, Class<?>> members = new LinkedHashMap<>();
      at.forEach(type -> members.putAll(members(type)));
      if (!members.containsKey(step.group(1))) {
        throw file.error(
            scalar,
            path
                + " has no '"
                + step.group(1)
                + "'."
                + Nearest.hint(step.group(1), members.keySet()));
      }
      at = Set.of(members.get(step.group(1)));
      path += "." + step.group(1);
    }
  }

  /** What simple expressions reach of a class, by methods and getters, with their types. */
  private static Map<String, Class<?>> members(Class<?> type) {
    Map<String, Class<?>> members = new LinkedHashMap<>();
    Map<String, Class<?>> others = new LinkedHashMap<>();
    Set<Method> methods = new LinkedHashSet<>(Arrays.asList(type.getMethods()));
    methods.removeIf(method -> method.getDeclaringClass() == Object.class);
    for (Method method : methods) {
      others.put(method.getName(), method.getReturnType());
      Matcher getter = Pattern.compile("(?:get|is)([A-Z].*)").matcher(method.getName());
      if (getter.matches() && method.getParameterCount() == 0) {
        String name = getter.group(1);
        members.put(
            Character.toLowerCase(name.charAt(0)) + name.substring(1), method.getReturnType());
      }
    }
    others.forEach(members::putIfAbsent);
    return members;
  }

  /** The text of an expression, which stands alone or behind a key of its own. */
  private static Node expression(Node language) {
    return language instanceof MappingNode map ? child(map, "expression") : language;
  }

  private static Node child(MappingNode map, String key) {
    for (NodeTuple tuple : map.getValue()) {
      if (key.equals(text(tuple.getKeyNode()))) {
        return tuple.getValueNode();
      }
    }
    return null;
  }

  private static String text(Node node) {
    return node instanceof ScalarNode scalar ? scalar.getValue() : null;
  }
}
