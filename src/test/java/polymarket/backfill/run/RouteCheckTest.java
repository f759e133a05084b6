package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.camel.impl.DefaultCamelContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.TestBed;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.pipeline.Pipeline;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;

/** A mistake in a route file is one line with file and line, before anything is asked for. */
class RouteCheckTest {

  @TempDir private Path home;

  @BeforeEach
  void copyRoutes() throws IOException {
    TestBed.copyFresh(home);
  }

  private void check() {
    check(Job.names(home));
  }

  private void check(List<String> names) {
    Settings settings = Settings.load(home, Map.of(), Map.of());
    Map<String, Job> jobs = new LinkedHashMap<>();
    names.forEach(name -> jobs.put(name, Job.read(home, name)));
    Stop stop = new Stop();
    Sources sources = new Sources(settings, Share.WHOLE, 1, stop);
    Map<String, Object> beans =
        Routes.beans(
            settings,
            jobs,
            sources,
            new Retry(jobs, sources, stop, 1, Duration.ofSeconds(1), null),
            new Marker(stop),
            null,
            stop);
    List.of("fetchers", "callers", "clickhouse").forEach(name -> beans.put(name, new Object()));
    try (DefaultCamelContext context = new DefaultCamelContext()) {
      new RouteCheck(settings, beans, context)
          .check(Job.routeFiles(home, List.copyOf(jobs.keySet())), jobs.values());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Replaces a text once, and gives the line that it stands in. */
  private int edit(String file, String was, String now) throws IOException {
    Path path = home.resolve("routes").resolve(file);
    String text = Files.readString(path);
    assertTrue(text.contains(was), file + " has no " + was);
    Files.writeString(path, text.replace(was, now));
    return (int) text.substring(0, text.indexOf(was)).chars().filter(c -> c == '\n').count() + 1;
  }

  private String mistake() {
    UserError error = assertThrows(UserError.class, this::check);
    assertEquals(1, error.getMessage().lines().count(), error.getMessage());
    return error.getMessage();
  }

  @Test
  void theRoutesThatComeWithTheProgram_haveNoMistake() {
    check();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "jobs/payouts.camel.yaml | uri: direct:goldsky | uri: direct:goldskie | Did you mean"
            + " 'goldsky'?",
        "job.camel.yaml | exchangeProperty.batch.key} | exchangeProperty.batch.kee} | Did you mean"
            + " 'key'?",
        "job.camel.yaml | exchangeProperty.batch.more} | exchangeProperty.bach.more} | Did you mean"
            + " 'batch'?",
        "store.camel.yaml | storing.lines} | storing.linez} | Did you mean 'lines'?",
        "store.camel.yaml | ref: rows | ref: rowz | Did you mean 'rows'?",
        "store.camel.yaml | method: storing | method: store | has no method 'store'",
        "job.camel.yaml | executorService: fetchers | executorService: fetcher | Did you mean"
            + " 'fetchers'?",
        "sources/goldsky.camel.yaml | expression: `\"50\"` | expression: fifty | 'fifty'; it takes"
            + " a whole number",
        "sources/goldsky.camel.yaml | timePeriodMillis: `\"10100\"` | timePeriodMillis: `\"0\"` |"
            + " '0'; it takes a whole number",
        "jobs/payouts.camel.yaml | goldsky.positions.url}} | goldsky.position.url}} | Did you mean"
            + " 'goldsky.positions.url'?",
        "jobs/payouts.camel.yaml | `$.data.conditions[*]` | `$.data.conditions[*` | is not a"
            + " JSONPath",
        "http.camel.yaml | responseTimeout: | responseTimeuot: | Did you mean 'responseTimeout'?",
        "sources/clob.camel.yaml | `${body} !is` | `${body !is` | cannot be read",
        "sources/goldsky.camel.yaml | `${body[errors]} != null` | `${boddy[errors]} != null` |"
            + " boddy",
      })
  void aNameOrNumberThatIsWrong_isRefusedWithFileAndLine(
      String file, String was, String now, String said) throws IOException {
    int line = edit(file, was.replace("`", ""), now.replace("`", ""));
    String mistake = mistake();
    assertTrue(mistake.startsWith("routes/" + file + ":"), mistake);
    int told = Integer.parseInt(mistake.substring(file.length() + 8).replaceFirst("(?s):.*", ""));
    assertTrue(Math.abs(told - line) <= 1, "line " + line + ": " + mistake);
    assertTrue(mistake.contains(said.strip()), mistake);
  }

  @Test
  void aSourceWithoutItsLimit_isRefused() throws IOException {
    String throttle =
        """
                expression:
                  constant:
                    expression: "50"
        """
            .indent(4);
    edit("sources/goldsky.camel.yaml", throttle, "");
    assertTrue(mistake().contains("the throttle has no expression"), mistake());
    edit("sources/goldsky.camel.yaml", "- throttle:", "- log:");
    edit("sources/goldsky.camel.yaml", "timePeriodMillis: \"10100\"", "message: hello");
    assertTrue(mistake().contains("goldsky has no throttle among its steps"), mistake());
  }

  @Test
  void twoThrottles_orTwoRoutesOfOneName_areRefused() throws IOException {
    edit(
        "sources/goldsky.camel.yaml",
        "        - circuitBreaker:",
        "        - throttle:\n            expression:\n              constant:\n"
            + "                expression: \"1\"\n        - circuitBreaker:");
    assertTrue(mistake().contains("2 throttles"), mistake());
    Files.copy(
        TestBed.PROJECT.resolve("routes/sources/goldsky.camel.yaml"),
        home.resolve("routes/sources/goldsky-copy.camel.yaml"));
    assertTrue(mistake().contains("another route with the id 'goldsky'"), mistake());
  }

  @Test
  void aSourceThatNoJobOfTheRunAsks_isChecked() throws IOException {
    int line = edit("sources/goldsky.camel.yaml", "- throttle:", "- throttel:");
    UserError misspelt = assertThrows(UserError.class, () -> check(List.of("markets")));
    assertEquals(
        "routes/sources/goldsky.camel.yaml:"
            + line
            + ": there is no step 'throttel'. Did you mean 'throttle'?",
        misspelt.getMessage());
    edit("sources/goldsky.camel.yaml", "- throttel:", "- throttle:");
    edit("sources/goldsky.camel.yaml", "id: goldsky\n", "id: goldskyx\n");
    UserError renamed = assertThrows(UserError.class, () -> check(List.of("markets")));
    assertEquals(
        "routes/sources/goldsky.camel.yaml:1: there is no route with the id goldsky that starts"
            + " with direct:goldsky",
        renamed.getMessage());
  }

  @Test
  void filesOfEditorsAndSystems_areIgnored() throws IOException {
    Path sources = home.resolve("routes/sources");
    Files.createSymbolicLink(
        sources.resolve(".#goldsky.camel.yaml"), Path.of("someone@host.1234:5678"));
    Path jobs = home.resolve("routes/jobs");
    Path pipelines = home.resolve("routes/pipelines");
    for (Path name :
        List.of(
            sources.resolve("._goldsky.camel.yaml"),
            sources.resolve("goldsky.camel.yaml~"),
            sources.resolve(".goldsky.camel.yaml.swp"),
            sources.resolve("#goldsky.camel.yaml#"),
            sources.resolve("goldsky.camel.yaml.bak"),
            sources.resolve("goldsky.camel.yaml.orig"),
            sources.resolve(".DS_Store"),
            jobs.resolve("._payouts.job.yaml"),
            jobs.resolve("._payouts.camel.yaml"),
            jobs.resolve("payouts.job.yaml~"),
            pipelines.resolve("._overnight.yaml"),
            Files.createDirectories(home.resolve("routes/.idea")).resolve("x.camel.yaml"))) {
      Files.write(name, new byte[] {0, 5, 22, 7, (byte) 0xff});
    }
    check();
    assertEquals(Job.names(TestBed.PROJECT), Job.names(home));
    assertEquals(List.of("overnight"), Pipeline.names(home));
  }

  @Test
  void aSourceWhoseFileIsGone_isRefused() throws IOException {
    Files.delete(home.resolve("routes/sources/goldsky.camel.yaml"));
    assertTrue(mistake().contains("there is no source 'goldsky'"), mistake());
    Files.writeString(
        home.resolve("routes/sources/goldsky.camel.yaml"),
        Files.readString(TestBed.PROJECT.resolve("routes/sources/gamma.camel.yaml"))
            .replace("gamma", "other"));
    assertTrue(mistake().contains("direct:goldsky"), mistake());
  }
}
