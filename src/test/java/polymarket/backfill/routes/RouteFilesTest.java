package polymarket.backfill.routes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.camel.dsl.yaml.YamlRoutesBuilderLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.ExchangeProperties;

/**
 * The steps of the work stand as EIPs and endpoints in the route files, where a person can read and
 * edit them.
 */
class RouteFilesTest {

  private static final Path ROUTES = TestBed.PROJECT.resolve("routes");
  private static final Path HTTP = ROUTES.resolve("http.camel.yaml");

  private static List<Path> in(String folder) {
    try (Stream<Path> files = Files.walk(ROUTES.resolve(folder))) {
      return files.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All but the pipelines and the jobs' definitions, which are no routes. */
  static List<Path> all() {
    return in("").stream()
        .filter(file -> !file.startsWith(ROUTES.resolve("pipelines")))
        .filter(file -> !file.toString().endsWith(".job.yaml"))
        .toList();
  }

  static List<Path> sources() {
    return in("sources");
  }

  /** Those that define a job. */
  static List<Path> jobs() {
    return in("jobs").stream()
        .filter(file -> file.toString().endsWith(".camel.yaml"))
        .filter(file -> Files.exists(definition(file)))
        .toList();
  }

  private static Path definition(Path routes) {
    return routes.resolveSibling(
        routes.getFileName().toString().replace(".camel.yaml", ".job.yaml"));
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static JsonNode yaml(Path file) {
    return new ObjectMapper()
        .valueToTree(new Load(LoadSettings.builder().build()).loadFromString(text(file)));
  }

  private static List<JsonNode> routes(Path file) {
    List<JsonNode> routes = new ArrayList<>();
    yaml(file)
        .forEach(
            part -> {
              if (part.has("route")) {
                routes.add(part.get("route"));
              }
            });
    return routes;
  }

  /** Calls back with every step below a node, by its EIP's name. */
  private static void steps(JsonNode node, BiConsumer<String, JsonNode> to) {
    if (node.isArray()) {
      node.forEach(item -> steps(item, to));
    } else if (node.isObject()) {
      node.properties()
          .forEach(
              field -> {
                to.accept(field.getKey(), field.getValue());
                steps(field.getValue(), to);
              });
    }
  }

  private static List<JsonNode> steps(JsonNode node, String eip) {
    List<JsonNode> found = new ArrayList<>();
    steps(
        node,
        (name, step) -> {
          if (name.equals(eip)) {
            found.add(step);
          }
        });
    return found;
  }

  private static List<String> endpoints(JsonNode node) {
    List<String> uris = new ArrayList<>();
    for (String eip : List.of("to", "toD")) {
      steps(node, eip)
          .forEach(to -> uris.add(to.isTextual() ? to.asText() : to.path("uri").asText()));
    }
    return uris;
  }

  /** Reading Camel's schema takes longer than all else here. */
  private static JsonSchema schema;

  private static Set<ValidationMessage> mistakes(JsonNode yaml) throws IOException {
    if (schema == null) {
      try (InputStream camels =
          YamlRoutesBuilderLoader.class.getResourceAsStream("/schema/camelYamlDsl.json")) {
        assertNotNull(camels, "no schema in the camel-yaml-dsl jar");
        schema = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V4).getSchema(camels);
      }
    }
    return schema.validate(yaml);
  }

  @ParameterizedTest
  @MethodSource("all")
  void everyFile_isValidByCamelsOwnSchema(Path file) throws IOException {
    assertEquals(Set.of(), mistakes(yaml(file)), file.toString());
  }

  @Test
  void theSchema_catchesATypingError() throws IOException {
    String wrong =
        text(ROUTES.resolve("sources/goldsky.camel.yaml"))
            .replace("timePeriodMillis", "timePeriodMilis");
    JsonNode yaml =
        new ObjectMapper()
            .valueToTree(new Load(LoadSettings.builder().build()).loadFromString(wrong));
    assertFalse(mistakes(yaml).isEmpty());
  }

  @ParameterizedTest
  @MethodSource("all")
  void everyRoute_hasAnIdAndADescription_andEveryFileItsName(Path file) {
    assertTrue(file.getFileName().toString().endsWith(".camel.yaml"), file.toString());
    for (JsonNode route : routes(file)) {
      assertFalse(route.path("id").asText().isBlank(), file + ": a route without an id");
      assertTrue(
          route.path("description").asText().length() > 20,
          file + ": route " + route.path("id") + " has no description to read aloud");
    }
  }

  @Test
  void routeIds_areUnique() {
    Set<String> ids = new HashSet<>();
    all()
        .forEach(
            file ->
                routes(file)
                    .forEach(
                        route ->
                            assertTrue(
                                ids.add(route.path("id").asText()), "twice: " + route.path("id"))));
  }

  @ParameterizedTest
  @MethodSource("all")
  void httpCallsAndInserts_areInTheirOwnRoutesOnly(Path file) {
    for (JsonNode route : routes(file)) {
      boolean source = file.startsWith(ROUTES.resolve("sources"));
      for (String uri : endpoints(route)) {
        assertTrue(
            file.equals(HTTP) || !uri.startsWith("http"),
            file + " calls " + uri + ": only the route http does");
        assertTrue(
            source || !uri.equals("direct:http"),
            file + " calls " + uri + ": only sources do, at their pace");
        assertTrue(
            !uri.startsWith("seda:") && !uri.startsWith("vertx"),
            file + ": " + uri + " takes the batch's exchange apart");
      }
      assertTrue(
          steps(route, "aggregate").isEmpty(),
          file + ": an aggregator marks a batch before it is stored");
    }
  }

  @ParameterizedTest
  @MethodSource("sources")
  void aSource_isOneRouteWithTurnThrottleBreakerAndCall_andNoErrorHandler(Path file) {
    assertEquals(
        1,
        routes(file).size(),
        file + ": one throttled route a file, or a reload loses the others");
    JsonNode route = routes(file).get(0);
    assertEquals(file.getFileName().toString(), route.path("id").asText() + ".camel.yaml");
    assertEquals("direct:" + route.path("id").asText(), route.at("/from/uri").asText());
    assertTrue(
        route.at("/errorHandler").has("noErrorHandler"),
        file + ": retries stand with the caller, past the throttle they would break the limit");
    List<String> order = new ArrayList<>();
    route.at("/from/steps").forEach(step -> order.add(step.fieldNames().next()));
    assertTrue(
        order.indexOf("delay") >= 0 && order.indexOf("delay") < order.indexOf("throttle"),
        file + ": " + order);
    assertTrue(order.indexOf("throttle") < order.indexOf("circuitBreaker"), file + ": " + order);
    assertFalse(
        steps(route, "delay").get(0).path("asyncDelayed").asBoolean(true),
        file + ": an asynchronous delay lets the split run ahead");
    JsonNode throttle = steps(route, "throttle").get(0);
    assertTrue(
        throttle.path("timePeriodMillis").asText().matches("[0-9]+"),
        file + ": the pace stands here");
    assertTrue(throttle.has("expression"));
    JsonNode breaker = steps(route, "circuitBreaker").get(0);
    assertFalse(
        breaker.has("resilience4jConfiguration"), file + ": breakers are configured in one place");
    assertEquals(
        1,
        endpoints(breaker).stream().filter("direct:http"::equals).count(),
        file + ": the call stands in the breaker");
    assertEquals(1, endpoints(route).size(), file + ": nothing else is called");
    assertTrue(steps(route, "retry").isEmpty() && steps(route, "doTry").isEmpty(), file.toString());
  }

  @Test
  void theHttpRoute_hasTheOneCallWithAllItsTimeouts_andItsBreakersThrowWhenOpen()
      throws IOException {
    assertEquals(1, routes(HTTP).size());
    JsonNode route = routes(HTTP).get(0);
    assertTrue(route.at("/errorHandler").has("noErrorHandler"), "retries stand with the caller");
    List<JsonNode> calls = steps(route, "to");
    assertEquals(1, calls.size());
    assertTrue(calls.get(0).path("uri").asText().startsWith("https://"));
    for (String limit : List.of("connectTimeout", "responseTimeout", "soTimeout")) {
      assertTrue(
          calls.get(0).path("parameters").has(limit),
          "without " + limit + " a stalled connection is waited for forever");
    }
    assertEquals(
        Set.of("GET", "POST"),
        steps(route, "setHeader").stream()
            .filter(header -> header.path("name").asText().equals("CamelHttpMethod"))
            .map(header -> header.at("/expression/constant/expression").asText())
            .collect(Collectors.toSet()),
        "without a method, a POST to a URL with a query becomes a GET");
    Properties settings = new Properties();
    settings.load(Files.newBufferedReader(TestBed.PROJECT.resolve("application.properties")));
    assertEquals(
        "true",
        settings.getProperty("camel.resilience4j.throw-exception-when-half-open-or-open-state"),
        "an open breaker would pass the message on unprocessed");
  }

  @Test
  void theJobRoute_isSplitAndIdempotentConsumerAroundAskAndStore() {
    Path file = ROUTES.resolve("job.camel.yaml");
    JsonNode route =
        routes(file).stream()
            .filter(candidate -> candidate.path("id").asText().equals("job"))
            .findFirst()
            .orElseThrow();
    assertEquals("retries", route.path("routeConfigurationId").asText());
    JsonNode split = route.at("/from/steps/0/split");
    assertFalse(split.isMissingNode(), file + ": the first step takes batches");
    assertEquals("ledger", split.at("/expression/method/ref").asText());
    assertTrue(split.path("streaming").asBoolean(), "or the list is held in memory");
    List<JsonNode> consumers = steps(split, "idempotentConsumer");
    assertEquals(1, consumers.size());
    assertFalse(
        consumers.get(0).path("eager").asBoolean(true), "eager marks before the rows are stored");
    assertEquals("ledger", consumers.get(0).path("idempotentRepository").asText());
    assertTrue(consumers.get(0).at("/expression/simple/expression").asText().contains("batch.key"));
    assertEquals(
        "direct:store",
        endpoints(consumers.get(0)).get(endpoints(consumers.get(0)).size() - 1),
        "the batch is marked after the store route");
    routes(file)
        .forEach(
            each ->
                assertTrue(
                    steps(each, "doTry").isEmpty(),
                    "a handled exception inside a split can let a failed id look done"));
  }

  @ParameterizedTest
  @MethodSource("jobs")
  void aJob_hasTheRouteThatAsksItsSource_andNoneThatBatchesOrStores(Path file) {
    String name = file.getFileName().toString().replace(".camel.yaml", "");
    List<JsonNode> routes = routes(file);
    assertTrue(
        routes.stream().anyMatch(route -> route.path("id").asText().equals(name + "-ask")),
        file + " has no route " + name + "-ask");
    for (JsonNode route : routes) {
      assertTrue(
          steps(route, "doTry").isEmpty(),
          "a handled exception inside a split can let a failed id look done");
      assertTrue(
          steps(route, "idempotentConsumer").isEmpty()
              && !endpoints(route).contains("direct:store"),
          file + ": the route job does that");
    }
    Set<String> sources = new HashSet<>();
    in("sources")
        .forEach(source -> sources.add("direct:" + routes(source).get(0).path("id").asText()));
    Set<String> called = new HashSet<>();
    routes.forEach(each -> called.addAll(endpoints(each)));
    assertTrue(called.stream().anyMatch(sources::contains), file + " calls none of " + sources);
    String source = yaml(definition(file)).path("source").asText();
    assertTrue(sources.contains("direct:" + source), file + ": its source is " + source);
  }

  @ParameterizedTest
  @MethodSource("all")
  void everyParallelSplit_isSynchronousWithAPoolOfItsOwn(Path file) {
    for (JsonNode route : routes(file)) {
      Set<String> pools = new HashSet<>();
      for (JsonNode split : steps(route, "split")) {
        if (split.path("parallelProcessing").asBoolean(false)) {
          assertTrue(
              split.path("synchronous").asBoolean(false),
              file + ": the split would run ahead of what is stored");
          assertTrue(
              split.has("executorService"), file + ": a parallel split has a pool of its own");
          assertTrue(
              pools.add(split.path("executorService").asText()),
              file + ": inner and outer split share a pool");
        }
      }
    }
  }

  @Test
  void storing_isTheClickHouseEndpoint_readBackThroughJdbc_withNoErrorHandler() {
    JsonNode store = routes(ROUTES.resolve("store.camel.yaml")).get(0);
    assertTrue(store.at("/errorHandler").has("noErrorHandler"));
    List<String> endpoints = endpoints(store);
    assertTrue(
        endpoints.stream().anyMatch(uri -> uri.startsWith("clickhouse:")), endpoints.toString());
    assertTrue(endpoints.contains("jdbc:clickhouse"), endpoints.toString());
  }

  @Test
  void exchangeProperties_areThoseNamedInOneClass() throws Exception {
    Set<String> named = new TreeSet<>();
    for (Field constant : ExchangeProperties.class.getFields()) {
      named.add((String) constant.get(null));
    }
    Set<String> used = new TreeSet<>();
    for (Path file : all()) {
      for (String eip : List.of("setProperty", "removeProperty")) {
        steps(yaml(file), eip).forEach(step -> used.add(step.path("name").asText()));
      }
      Matcher read = Pattern.compile("exchangeProperty\\.(\\w+)").matcher(text(file));
      while (read.find()) {
        used.add(read.group(1));
      }
    }
    assertEquals(Set.of(), difference(used, named), "carried, and not in ExchangeProperties");
    Set<String> ofBeans =
        Set.of(
            "RetryFailures",
            "RetryRefused",
            "calls",
            "SourceAnswered",
            "SourceAsked",
            "SourceName",
            "SourceWarmUp",
            "ahead",
            "aheadReader");
    assertEquals(ofBeans, difference(named, used), "named, and in no route");
  }

  private static Set<String> difference(Set<String> all, Set<String> others) {
    Set<String> rest = new TreeSet<>(all);
    rest.removeAll(others);
    return rest;
  }

  @Test
  void retries_areARouteConfiguration() {
    JsonNode configuration =
        yaml(ROUTES.resolve("retries.camel.yaml")).get(0).path("routeConfiguration");
    assertEquals("retries", configuration.path("id").asText());
    JsonNode policy = steps(configuration, "redeliveryPolicy").get(0);
    assertTrue(policy.path("useExponentialBackOff").asBoolean());
    assertTrue(policy.path("useCollisionAvoidance").asBoolean());
    assertFalse(policy.path("asyncDelayedRedelivery").asBoolean(false));
    assertTrue(
        steps(configuration, "handled").isEmpty() && steps(configuration, "continued").isEmpty());
  }
}
