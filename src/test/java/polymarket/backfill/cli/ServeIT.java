package polymarket.backfill.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.interactions.Actions;
import polymarket.backfill.Program;
import polymarket.backfill.TestBed;
import polymarket.backfill.http.Browser;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.ShareLock;
import polymarket.backfill.ledger.State;
import polymarket.backfill.sandbox.SandboxOptions;

/** The live page: who may open it, what it shows in a real browser, and what it starts. */
class ServeIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private final HttpClient http = HttpClient.newHttpClient();
  private TestBed bed;
  private Program serve;
  private URI page;
  private String token;

  @BeforeEach
  void start() throws IOException {
    bed = TestBed.start(new SandboxOptions().conditions(2000)).set("serve.port", 0);
    bed.set("payouts.batch-size", 10).set("payouts.concurrency", 1);
    open();
  }

  /** Serves the page. */
  private void open() throws IOException {
    serve = Program.start(bed, "serve");
    serving(serve);
  }

  /** Waits for the page of a program, and reads where it is. */
  private void serving(Program serve) throws IOException {
    Path file = bed.home().resolve("runtime/serve.json");
    TestBed.await("the page", PATIENCE, () -> Files.exists(file) || !serve.isAlive());
    assertTrue(serve.isAlive(), () -> serve.end().toString());
    JsonNode served = JSON.readTree(file.toFile());
    page = URI.create(served.get("url").asText());
    token = served.get("token").asText();
    assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
  }

  @AfterEach
  void close() {
    serve.close();
    bed.close();
  }

  private HttpResponse<String> get(String path, String... headers) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(page.resolve(path));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private int act(String query, String... headers) throws Exception {
    return http.send(
            HttpRequest.newBuilder(page.resolve("act?" + query))
                .POST(HttpRequest.BodyPublishers.noBody())
                .headers(headers)
                .build(),
            HttpResponse.BodyHandlers.ofString())
        .statusCode();
  }

  private String[] bearer() {
    return new String[] {"Authorization", "Bearer " + token};
  }

  @Test
  void onlyWhoHasTheToken_isAnswered_andNoOtherPageIs() throws Exception {
    for (String path : List.of("", "status.json", "events", "metrics", "failed.json?job=payouts")) {
      assertEquals(401, get(path).statusCode(), path);
      assertEquals(401, get(path, "Authorization", "Bearer x" + token).statusCode(), path);
      assertEquals(401, get(path, "Cookie", "backfill-1=" + token).statusCode(), path);
    }
    assertEquals(401, get("?token=wrong").statusCode());
    HttpResponse<String> opened = get("?token=" + token);
    assertEquals(303, opened.statusCode());
    String cookie = opened.headers().firstValue("Set-Cookie").orElseThrow();
    assertTrue(cookie.contains("HttpOnly; SameSite=Strict"), cookie);
    HttpResponse<String> shown = get("", "Cookie", cookie.split(";")[0]);
    assertEquals(200, shown.statusCode());
    assertTrue(
        shown
            .headers()
            .firstValue("Content-Security-Policy")
            .orElse("")
            .contains("default-src 'none'"));
    assertEquals(200, get("status.json", bearer()).statusCode());
    for (List<String> other :
        List.of(
            List.of("Origin", "http://evil.example"), List.of("Sec-Fetch-Site", "cross-site"))) {
      assertEquals(
          403,
          get("status.json", "Authorization", "Bearer " + token, other.get(0), other.get(1))
              .statusCode());
    }
    assertTrue(answerTo("/status.json", "evil.example:" + page.getPort()).contains(" 403 "));
    // the cookie alone starts nothing
    assertEquals(403, act("do=run&what=payouts", "Cookie", cookie.split(";")[0]));
    String[] known = {"X-Backfill-Token", token, "Authorization", "Bearer " + token};
    assertEquals(409, act("do=run&what=payuots", known));
    assertEquals(409, act("do=run&what=payouts&options=--set%20a=b", known));
    assertEquals(409, act("do=run&what=payouts&options=@/etc/hosts", known));
    assertEquals(409, act("do=run&what=payouts&options=--limit%20abc", known));
    assertEquals(409, act("do=run&what=fills&options=--since%202026-13-01", known));
    assertEquals(409, act("do=run&what=payouts&options=--ids%20no-such-file", known));
    assertEquals(409, act("do=stop&what=payouts", known));
    assertEquals(404, get("report?name=../../../../etc/passwd", bearer()).statusCode());
    String longest;
    try {
      longest = answerTo("/" + "x".repeat(1 << 20), "127.0.0.1:" + page.getPort());
    } catch (SocketException e) {
      longest = null;
    }
    assertTrue(
        longest == null || longest.matches(".* 4(00|31) .*"), "it was read to its end: " + longest);
    assertTrue(answerTo("/%zz", "127.0.0.1:" + page.getPort()).contains(" 404 "));
  }

  /** The status line for a request that the JDK's client cannot send. */
  private String answerTo(String path, String host) throws IOException {
    try (Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), page.getPort())) {
      socket
          .getOutputStream()
          .write(
              ("GET "
                      + path
                      + " HTTP/1.1\r\nHost: "
                      + host
                      + "\r\nAuthorization: Bearer "
                      + token
                      + "\r\nConnection: close\r\n\r\n")
                  .getBytes(StandardCharsets.US_ASCII));
      return new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
    }
  }

  @Test
  void aSecondPageOfTheFolder_isRefusedInOneLine_andCtrlCEndsThisOne() {
    Program.Result second = Program.run(bed, "serve");
    assertEquals(1, second.exitCode(), second.toString());
    assertEquals(1, second.err().lines().count(), second.err());
    assertTrue(second.err().contains("the page is in use by another run"), second.err());
    assertTrue(Files.exists(bed.home().resolve("runtime/serve.json")), "the first one's stays");
    serve.signal("INT");
    Program.Result end = serve.end();
    assertEquals(0, end.exitCode(), end.toString());
    assertFalse(Files.exists(bed.home().resolve("runtime/serve.json")));
  }

  @Test
  void aTakenPort_isOneLine() {
    // the settings of the bed are the last ones of the command line
    bed.set("serve.port", page.getPort()).set("runtime.dir", bed.home().resolve("other"));
    Program.Result other = Program.run(bed, "serve");
    assertEquals(1, other.exitCode(), other.toString());
    assertEquals(
        "backfill: cannot listen on 127.0.0.1:"
            + page.getPort()
            + ": Address already in use; set serve.port to another port, or 0 for any\n",
        other.err());
  }

  @Test
  void aHundredOpenPages_areToldOfARun_andPrometheusReadsIt() throws Exception {
    List<BufferedReader> open = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      HttpResponse<java.io.InputStream> events =
          http.send(
              HttpRequest.newBuilder(page.resolve("events")).headers(bearer()).build(),
              HttpResponse.BodyHandlers.ofInputStream());
      assertEquals("text/event-stream", events.headers().firstValue("Content-Type").orElseThrow());
      open.add(new BufferedReader(new InputStreamReader(events.body(), StandardCharsets.UTF_8)));
    }
    bed.sandbox().fault("kind=slow,millis=700,source=goldsky");
    Path ids = Files.write(bed.home().resolve("ids.txt"), bed.ids("found", 500));
    try (Program run = Program.start(bed, "run", "payouts", "--ids", ids.toString())) {
      awaitHistory();
      bed.sandbox().clearFaults();
      Program.Result end = run.end();
      assertEquals(0, end.exitCode(), end.toString());
    }
    for (BufferedReader events : open) {
      String seen = "";
      while (!seen.contains("\"complete\"")) {
        seen = events.readLine();
        assertTrue(seen != null, "the stream ended");
      }
      JsonNode status = JSON.readTree(seen.substring("data: ".length()));
      assertEquals(500, status.at("/jobs/0/ids/total").asLong(), seen);
    }
    String metrics = get("metrics", bearer()).body();
    assertTrue(metrics.contains("# TYPE backfill_ids gauge\n"), metrics);
    long found =
        metrics
            .lines()
            .filter(line -> line.startsWith("backfill_ids{job=\"payouts\","))
            .mapToLong(line -> Long.parseLong(line.substring(line.lastIndexOf(' ') + 1)))
            .sum();
    assertEquals(500, found, metrics);
    assertTrue(metrics.contains("backfill_ledger_balanced{job=\"payouts\"} 1\n"), metrics);
    assertTrue(metrics.contains("backfill_running{job=\"payouts\"} 0\n"), metrics);
    JsonNode before = JSON.readTree(get("history.json", bearer()).body());
    assertTrue(before.at("/goldsky/0/limit").asDouble() > 0, before.toString());
    serve.signal("INT");
    assertEquals(0, serve.end().exitCode());
    serve.close();
    aRunServesItsOwnPage();
    open();
    awaitHistory();
  }

  @Test
  void aRealPrometheus_readsARunWithCamelsMetrics_andEvaluatesTheBoardAndTheAlerts()
      throws Exception {
    Path ids = Files.write(bed.home().resolve("ids.txt"), bed.ids("found", 1000));
    try (Prometheus prometheus = Prometheus.startOrSkip(bed.home(), page, token);
        Program run = Program.start(bed, "run", "payouts", "--ids", ids.toString())) {
      List<String> noData = new ArrayList<>();
      for (JsonNode panel :
          JSON.readTree(TestBed.PROJECT.resolve("grafana/backfill.json").toFile()).get("panels")) {
        for (JsonNode target : panel.get("targets")) {
          String expression = target.get("expr").asText().replace("$job", "payouts");
          if (prometheus.query(expression).isEmpty()) {
            noData.add(expression);
          }
        }
      }
      noData.removeIf(
          expression ->
              expression.matches(".*(_lag_|_ready|_audit_|camel_exchanges_failed_total).*"));
      TestBed.await(
          "data for " + noData,
          PATIENCE,
          () -> {
            noData.removeIf(expression -> !prometheus.query(expression).isEmpty());
            assertTrue(run.isAlive() || noData.isEmpty(), () -> noData + ", and the run ended");
            return noData.isEmpty();
          });
      JsonNode asked =
          prometheus.query("camel_exchanges_total{job=\"payouts\",routeId=\"goldsky\"}");
      assertTrue(asked.at("/0/value/1").asDouble() > 0, asked.toString());
      List<String> faults =
          new ArrayList<>(Prometheus.lint(bed.home(), get("metrics", bearer()).body()));
      // Camel's labels are not named as Prometheus would name them, and some have no help
      faults.removeIf(
          fault -> fault.startsWith("camel_") && fault.matches(".*(snake_case.*|no help text)"));
      assertEquals(List.of(), faults);
      TestBed.await(
          "an evaluation of the alerts",
          PATIENCE,
          () -> !prometheus.get("rules").toString().contains("\"health\":\"unknown\""));
      JsonNode rules = prometheus.get("rules").at("/groups/0/rules");
      assertTrue(rules.size() > 5, rules.toString());
      rules.forEach(rule -> assertEquals("ok", rule.get("health").asText(), rule.toString()));
      run.signal("TERM");
      run.end();
    }
  }

  private void awaitHistory() {
    TestBed.await(
        "the history of the pace",
        PATIENCE,
        () -> {
          try {
            return JSON.readTree(get("history.json", bearer()).body()).has("goldsky");
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
  }

  /** Of a run in the foreground, which serves it while it runs. */
  private void aRunServesItsOwnPage() throws Exception {
    try (Program run = Program.start(bed, "run", "payouts", "--page", "--redo", "all")) {
      serving(run);
      TestBed.await(
          "the run on its page",
          PATIENCE,
          () -> {
            try {
              return get("status.json", bearer()).body().contains("\"state\":\"running\"");
            } catch (Exception e) {
              throw new AssertionError(e);
            }
          });
      Program.Result end = run.end();
      assertEquals(0, end.exitCode(), end.toString());
      assertTrue(end.err().contains("The page of this run is at " + page), end.err());
    }
    assertFalse(Files.exists(bed.home().resolve("runtime/serve.json")));
  }

  private static void awaitText(Browser browser, String text) {
    TestBed.await(
        "'" + text + "' in: " + browser.text(), PATIENCE, () -> browser.text().contains(text));
  }

  /** Keeps a picture; docs/screens/make.sh takes some of them from there. */
  private static void shoot(Browser browser, String name) throws IOException {
    Path folder = Files.createDirectories(TestBed.PROJECT.resolve("target/screenshots"));
    Files.write(folder.resolve(name + ".png"), browser.driver().getScreenshotAs(OutputType.BYTES));
  }

  private static void click(Browser browser, String selector) {
    assertEquals(
        true,
        browser.run(
            "const it = document.querySelector(\""
                + selector
                + "\"); if (it) it.click(); return !!it;"),
        selector);
  }

  private static void choose(Browser browser, String id, String value) {
    browser.run(
        "document.getElementById('" + id + "').value = '" + value.replace("'", "\\'") + "';");
  }

  @Test
  void inABrowser_aRunIsStarted_watched_stopped_continued_andItsFailedIdRetried() throws Exception {
    List<String> ids = bed.ids(300);
    String poison = ids.get(7);
    bed.sandbox().fault("kind=slow,millis=700,source=goldsky");
    Path list = Files.write(bed.home().resolve("ids.txt"), ids);
    try (Browser browser = Browser.startOrSkip()) {
      browser.open(page + "?token=" + token);
      assertFalse(browser.driver().getCurrentUrl().contains(token));
      awaitText(browser, "No job has run here yet");
      shoot(browser, "empty");
      choose(browser, "what", "payouts");
      choose(browser, "options", "--ids " + list);
      click(browser, "#start button");
      awaitText(browser, "payouts was started");
      awaitText(browser, "payouts runs");
      awaitText(browser, "requests/s");
      browser.driver().manage().window().setSize(new Dimension(1100, 900));
      browser.run("document.querySelector('[data-stop=payouts]').focus();");
      // it is drawn anew while the run goes on
      TestBed.await(
          "ids that are done",
          PATIENCE,
          () -> !browser.text().contains(" 300 pending") && browser.text().contains(" found"));
      assertEquals("payouts", browser.run("return document.activeElement.dataset.stop;"));
      Path route = bed.home().resolve("routes/sources/goldsky.camel.yaml");
      TestBed.pace(route, 7, 9000);
      awaitText(browser, "goldsky.camel.yaml was reloaded");
      awaitText(browser, "limit: 7 requests in ");
      awaitText(browser, " requests/min");
      choose(browser, "options", "");
      shoot(browser, "running");
      browser
          .driver()
          .executeCdpCommand(
              "Emulation.setEmulatedMedia",
              Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", "dark"))));
      assertEquals(true, browser.run("return matchMedia('(prefers-color-scheme: dark)').matches;"));
      shoot(browser, "running-dark");
      browser
          .driver()
          .executeCdpCommand("Emulation.setEmulatedMedia", Map.of("features", List.of()));
      click(browser, "[data-stop=payouts]");
      awaitText(browser, "last run: interrupted");
      awaitText(browser, "run payouts: ended: interrupted");
      long pending = bed.job("payouts").count(State.PENDING);
      assertTrue(pending > 0, "it was stopped before it was done");
      TestBed.pace(route, 50, 1000);
      bed.sandbox().clearFaults();
      bed.sandbox().fault("kind=poison,status=400,ids=0x" + poison);
      choose(browser, "options", "");
      click(browser, "#start button");
      awaitText(browser, "last run: finished with failed ids");
      awaitText(browser, "1 failed");
      choose(browser, "failed-job", "payouts");
      choose(browser, "search", poison.substring(0, 20));
      click(browser, "#find button");
      awaitText(browser, poison);
      shoot(browser, "failed");
      bed.sandbox().clearFaults();
      // it is disabled until the list has come, and a click is lost then
      TestBed.await(
          "the list of failed ids",
          PATIENCE,
          () ->
              Boolean.TRUE.equals(
                  browser.run("return !document.getElementById('retry').disabled;")));
      click(browser, "#retry");
      awaitText(browser, "last run: complete");
      awaitText(browser, " 0 failed");
      assertEquals(
          List.of(poison),
          Files.readAllLines(bed.home().resolve("runtime/serve/payouts.failed.txt")));
      awaitText(browser, "no id is pending");
      assertEquals(
          List.of(),
          browser.driver().manage().logs().get("browser").getAll().stream()
              .filter(entry -> entry.getLevel().equals(Level.SEVERE))
              .map(Object::toString)
              .toList());
      browser.driver().manage().window().setSize(new Dimension(390, 844));
      assertEquals(
          true,
          browser.run("return document.documentElement.scrollWidth <= window.innerWidth;"),
          "it is as wide as a phone");
      shoot(browser, "phone");
    }
  }

  @Test
  void inABrowser_theCurveMarksRefusedCallsAndAnOpenCircuit_andTheTopSaysThatTheRunWaits()
      throws Exception {
    Path list = Files.write(bed.home().resolve("ids.txt"), bed.ids("found", 1000));
    bed.sandbox().fault("kind=429,source=goldsky,rate=0.2,retryAfter=0");
    try (Browser browser = Browser.startOrSkip();
        Program run = Program.start(bed, "run", "payouts", "--ids", list.toString())) {
      browser.open(page + "?token=" + token);
      awaitText(browser, "orange marks: ");
      assertEquals(
          true, browser.run("return document.querySelectorAll('#pace .refused').length > 0;"));
      awaitText(browser, "HTTP 429");
      bed.sandbox().clearFaults();
      bed.sandbox().fault("kind=503,source=goldsky,rate=1");
      awaitText(browser, "It waits");
      awaitText(browser, "marks at the top: the circuit breaker was open");
      assertEquals(
          true, browser.run("return document.querySelectorAll('#pace .open').length > 0;"));
      shoot(browser, "trouble");
      bed.sandbox().clearFaults();
      run.signal("TERM");
      run.end();
    }
  }

  @Test
  void inABrowser_aRunThatFollows_isShownBetweenItsRounds_andCanBeStopped() throws Exception {
    Path list = Files.write(bed.home().resolve("ids.txt"), bed.ids("found", 20));
    assertEquals(0, Program.run(bed, "run", "payouts", "--ids", list.toString()).exitCode());
    Path runtime = bed.home().resolve("runtime");
    Path status = runtime.resolve("payouts.status.json");
    ObjectNode run = (ObjectNode) JSON.readTree(status.toFile());
    try (Browser browser = Browser.startOrSkip()) {
      browser.open(page + "?token=" + token);
      awaitText(browser, "last run: complete");
      awaitText(browser, "Nothing runs");
      // what a process leaves that waits for the source
      Files.writeString(status, run.put("pid", ProcessHandle.current().pid()).toString());
      try (ShareLock lock =
          ShareLock.take(
              runtime.resolve("goldsky.lock"), Share.WHOLE, "goldsky", "run payouts --follow")) {
        awaitText(browser, "following, complete at");
        awaitText(browser, "payouts follows");
        awaitText(browser, "Stop payouts");
      }
      awaitText(browser, "last run: complete");
    }
  }

  @Test
  void inABrowser_theKeyboardAloneStartsAndStopsARun_andTheFocusIsSeen() throws Exception {
    Path list = Files.write(bed.home().resolve("ids.txt"), bed.ids("found", 500));
    bed.sandbox().fault("kind=slow,millis=700,source=goldsky");
    try (Browser browser = Browser.startOrSkip()) {
      browser.open(page + "?token=" + token);
      awaitText(browser, "No job has run here yet");
      assertEquals("what", tab(browser));
      type(browser, "payouts");
      assertEquals("payouts", browser.run("return document.getElementById('what').value;"));
      assertEquals("options", tab(browser));
      type(browser, "--ids " + list + Keys.ENTER);
      awaitText(browser, "payouts was started");
      awaitText(browser, "Stop payouts");
      assertEquals("Start", tab(browser));
      assertEquals("failed-job", tab(browser));
      assertEquals("search", tab(browser));
      type(browser, "abc" + Keys.ESCAPE);
      assertEquals("", browser.run("return document.getElementById('search').value;"));
      // from the top again: what runs comes first
      browser.open(page.toString());
      awaitText(browser, "Stop payouts");
      assertEquals("Stop payouts", tab(browser));
      type(browser, " ");
      awaitText(browser, "last run: interrupted");
    }
  }

  private static void type(Browser browser, String keys) {
    new Actions(browser.driver()).sendKeys(keys).perform();
  }

  /**
   * Goes to the next element, which must be marked as the one that has the focus; its id or text.
   */
  private static Object tab(Browser browser) {
    type(browser, Keys.TAB.toString());
    assertEquals(
        "solid", browser.run("return getComputedStyle(document.activeElement).outlineStyle;"));
    return browser.run("const it = document.activeElement; return it.id || it.textContent.trim();");
  }
}
