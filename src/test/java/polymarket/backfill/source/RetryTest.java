package polymarket.backfill.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.camel.Exchange;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.support.DefaultExchange;
import org.junit.jupiter.api.Test;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.TestBed;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.Share;

/** What is said of failed calls: once each, with what to check, and of URLs the place alone. */
class RetryTest {

  private final List<String> warnings = new ArrayList<>();
  private final List<String> events = new ArrayList<>();
  private final Stop stop = new Stop();
  private final Sources sources =
      new Sources(Settings.load(TestBed.PROJECT, Map.of(), Map.of()), Share.WHOLE, 1, stop);
  private final Pace source = sources.get("goldsky");
  private final Retry retry =
      new Retry(
          Map.of("payouts", Job.read(TestBed.PROJECT, "payouts")),
          sources,
          stop,
          5,
          Duration.ofMinutes(30),
          new SaidMessages(line -> warnings.add(line.replaceFirst("^warning: ", "")), events::add));

  private void fail(Exception failure) throws Exception {
    try (DefaultCamelContext context = new DefaultCamelContext()) {
      Exchange exchange = new DefaultExchange(context);
      exchange.setProperty(Exchange.EXCEPTION_CAUGHT, failure);
      exchange.setProperty(
          BatchWork.PROPERTY,
          BatchWork.preview("payouts", List.of("ab".repeat(32)), Batch.Kind.FIRST));
      retry.process(exchange);
    }
  }

  @Test
  void ofAUrl_hostAndPortAreKept_andThePunctuationBehindIt() {
    assertEquals(
        "engine at 127.0.0.1:19201: Connect to 127.0.0.1:19201 failed",
        Retry.hostsOnly(
            "engine at http://127.0.0.1:19201: Connect to http://127.0.0.1:19201 failed"));
    assertEquals(
        "see a.example, (b.example) and click_house:8123.",
        Retry.hostsOnly(
            "see https://a.example/key, (https://me:secret@b.example/x) and"
                + " http://click_house:8123/?a=b."));
    assertEquals("no (a URL)", Retry.hostsOnly("no http:///path"));
  }

  @Test
  void aFailureOfClickHouse_isSaidOnce_untilSomethingIsStored() throws Exception {
    ClickHouseException down = new ClickHouseException("ClickHouse does not answer", 0, null);
    for (int i = 0; i < 3; i++) {
      fail(down);
      source.answered(System.currentTimeMillis() + 1);
    }
    assertEquals(List.of("ClickHouse does not answer; trying again"), warnings);
    retry.stored();
    fail(down);
    assertEquals(2, warnings.size(), warnings.toString());
  }

  @Test
  void anOpenCircuitBreaker_isOneEvent_untilTheSourceAnswersWell() throws Exception {
    CircuitBreaker breaker = CircuitBreaker.ofDefaults("goldsky");
    for (int i = 0; i < 3; i++) {
      fail(CallNotPermittedException.createCallNotPermittedException(breaker));
      assertTrue(source.isCircuitOpen());
      // a call that was let through as a trial fails, too
      source.circuitClosed();
    }
    assertEquals(1, events.stream().filter(e -> e.contains("breaker is open")).count());
    source.answered(System.currentTimeMillis() + 1);
    fail(CallNotPermittedException.createCallNotPermittedException(breaker));
    assertEquals(2, events.stream().filter(e -> e.contains("breaker is open")).count());
  }

  @Test
  void anAddressThatMayBeWrong_isNamedWithItsSetting() {
    String hint =
        "goldsky answered HTTP 404 (if all calls fail, check the setting goldsky.positions.url and"
            + " the path in routes/jobs/payouts.camel.yaml)";
    SourceException none = new SourceException("goldsky answered HTTP 404", 404);
    assertEquals(hint, retry.why(source, none));
    source.trouble(retry.why(source, none));
    retry.tell(source, true);
    assertTrue(warnings.get(0).startsWith(hint + "; trying again until "), warnings.toString());
    assertFalse(
        retry.why(source, new SourceException("goldsky answered HTTP 500", 500)).contains("check"));
  }
}
