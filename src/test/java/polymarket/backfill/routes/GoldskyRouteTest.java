package polymarket.backfill.routes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.component.resilience4j.ResilienceProcessor;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.model.Resilience4jConfigurationDefinition;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.PropertyBindingSupport;
import org.apache.camel.support.ResourceHelper;
import org.apache.camel.test.junit5.CamelTestSupport;
import org.apache.camel.util.StringHelper;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.TestBed;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;
import polymarket.backfill.source.SourceException;
import polymarket.backfill.source.Sources;

/** The route goldsky as it ships, alone: what comes out of it for what the server says. */
@Timeout(300)
class GoldskyRouteTest extends CamelTestSupport {

  private Sandbox sandbox;
  private final Sources sources =
      new Sources(Settings.load(TestBed.PROJECT, Map.of(), Map.of()), Share.WHOLE, 1, new Stop());

  @Override
  protected CamelContext createCamelContext() throws Exception {
    CamelContext context = super.createCamelContext();
    context.getRegistry().bind("source", sources);
    Properties settings = new Properties();
    settings.putAll(Map.of("source.connect-timeout", "1000", "source.answer-timeout", "1000"));
    context.getPropertiesComponent().setInitialProperties(settings);
    context
        .getComponent("https", org.apache.camel.component.http.HttpComponent.class)
        .setAutomaticRetriesDisabled(true);
    for (String file :
        List.of("http", "sources/goldsky", "sources/gamma", "sources/data-api-resolutions")) {
      String quick =
          Files.readString(TestBed.PROJECT.resolve("routes/" + file + ".camel.yaml"))
              .replaceAll("timePeriodMillis: \"?\\d+\"?", "timePeriodMillis: \"10\"");
      PluginHelper.getRoutesLoader(context)
          .loadRoutes(
              ResourceHelper.fromString(file.replaceFirst(".*/", "") + ".camel.yaml", quick));
    }
    breaker((ModelCamelContext) context);
    return context;
  }

  /** As the settings have it, which camel-main reads. */
  private static void breaker(ModelCamelContext context) throws IOException {
    Properties settings = new Properties();
    settings.load(Files.newBufferedReader(TestBed.PROJECT.resolve("application.properties")));
    Resilience4jConfigurationDefinition breaker = new Resilience4jConfigurationDefinition();
    String prefix = "camel.resilience4j.";
    settings.stringPropertyNames().stream()
        .filter(key -> key.startsWith(prefix))
        .forEach(
            key ->
                PropertyBindingSupport.build()
                    .withIgnoreCase(true)
                    .withProperty(
                        StringHelper.dashToCamelCase(key.substring(prefix.length())),
                        settings.getProperty(key))
                    .withTarget(breaker)
                    .withCamelContext(context)
                    .bind());
    context.setResilience4jConfiguration(breaker);
  }

  private Sandbox sandbox() throws IOException {
    sandbox = Sandbox.start(new SandboxOptions().conditions(200).limits(0));
    return sandbox;
  }

  @AfterEach
  void stop() {
    if (sandbox != null) {
      sandbox.close();
    }
  }

  private Exchange ask() {
    return template.request(
        "direct:goldsky",
        exchange -> {
          exchange
              .getMessage()
              .setHeader(Exchange.HTTP_URI, sandbox.urls().get("goldsky-positions"));
          exchange.getMessage().setHeader("Authorization", "secret");
          exchange.getMessage().setBody("{\"query\":\"{ conditions(first: 3) { id payouts } }\"}");
        });
  }

  private SourceException refused() {
    Exchange exchange = ask();
    for (Throwable t = exchange.getException(); t != null; t = t.getCause()) {
      if (t instanceof SourceException found) {
        return found;
      }
    }
    throw new AssertionError(
        "no SourceException but "
            + exchange.getException()
            + " and "
            + exchange.getMessage().getBody());
  }

  @Test
  void anAnswer_isParsed_andCountsAsOne() throws Exception {
    sandbox();
    long before = System.currentTimeMillis();
    Exchange exchange = ask();
    assertNull(exchange.getException());
    assertEquals(
        3,
        ((List<?>)
                ((Map<?, ?>) exchange.getMessage().getBody(Map.class).get("data"))
                    .get("conditions"))
            .size());
    assertTrue(sources.get("goldsky").lastAnswer() >= before);
    assertEquals(1, sources.get("goldsky").requests());
  }

  @ParameterizedTest
  @CsvSource({"429,true", "503,true", "500,false", "502,false"})
  void aStatus_isASourceException_busyOnlyWhereTheSourceAsksForPatience(int status, boolean busy)
      throws Exception {
    sandbox().fault("kind=" + status);
    SourceException failure = refused();
    assertEquals(status, failure.status());
    assertEquals(busy, failure.busy());
    assertTrue(
        failure.getMessage().startsWith("goldsky answered HTTP " + status), failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"3,3000,3000", "date:5,3500,5000"})
  void retryAfter_isRead_inSecondsAndAsADate(String header, long least, long most)
      throws Exception {
    sandbox().fault("kind=429,retryAfter=" + header);
    SourceException failure = refused();
    assertTrue(
        failure.retryAfterMillis() >= least && failure.retryAfterMillis() <= most,
        failure.retryAfterMillis() + " ms");
    assertTrue(
        sources.get("goldsky").pausedUntil() > System.currentTimeMillis(), "others wait too");
  }

  @Test
  void anErrorInsideHttp200_isASourceException_andNoGoodAnswer() throws Exception {
    sandbox().fault("kind=error-200,message=Store error");
    long before = sources.get("goldsky").lastAnswer();
    assertTrue(refused().getMessage().contains("Store error"));
    assertEquals(before, sources.get("goldsky").lastAnswer());
  }

  @Test
  void anHtmlPage_isNamedAsOne() throws Exception {
    sandbox().fault("kind=html,status=403");
    SourceException failure = refused();
    assertEquals(403, failure.status());
    assertTrue(failure.getMessage().contains("HTML"), failure.getMessage());
    assertFalse(failure.getMessage().contains("<"), failure.getMessage());
  }

  @ParameterizedTest
  @CsvSource({"html,status=200", "cut-json,", "cut-connection,", "reset,", "stall,", "stall-body,"})
  void anIncompleteAnswer_isAFailure(String kind, String more) throws Exception {
    sandbox().fault("kind=" + kind + (more == null ? "" : "," + more));
    assertNotNull(ask().getException());
  }

  @Test
  void theBreakerOfOneSource_isNotOpenedByTheFailuresOfAnother() throws Exception {
    for (String other : List.of("gamma", "data-api-resolutions")) {
      assertNotEquals(breaker("goldsky"), breaker(other));
    }
    sandbox().fault("kind=500");
    for (int i = 0; i < 20; i++) {
      ask();
    }
    assertEquals("OPEN", breaker("goldsky").getCircuitBreakerState());
    for (String other : List.of("gamma", "data-api-resolutions")) {
      assertEquals("CLOSED", breaker(other).getCircuitBreakerState());
      assertEquals(0, breaker(other).getNumberOfBufferedCalls());
    }
  }

  private ResilienceProcessor breaker(String route) {
    return context.getRoute(route).filter("*").stream()
        .filter(ResilienceProcessor.class::isInstance)
        .map(ResilienceProcessor.class::cast)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void afterManyFailures_theBreakerOpens_andTheMessageIsNotPassedOn() throws Exception {
    sandbox().fault("kind=500");
    for (int i = 0; i < 20; i++) {
      ask();
    }
    Exchange exchange = ask();
    boolean open = false;
    for (Throwable t = exchange.getException(); t != null; t = t.getCause()) {
      open |= t instanceof CallNotPermittedException;
    }
    assertTrue(open, "the breaker is open and says so: " + exchange.getException());
    assertEquals(
        20,
        new com.fasterxml.jackson.databind.ObjectMapper()
            .readTree(sandbox.stats())
            .at("/sources/goldsky-positions/requests")
            .asInt());
  }
}
