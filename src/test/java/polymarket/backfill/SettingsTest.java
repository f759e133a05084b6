package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {

  @TempDir private Path home;

  private Settings load(Map<String, String> environment, Map<String, String> overrides) {
    return Settings.load(home, environment, overrides);
  }

  private void file(String text) {
    try {
      Files.writeString(home.resolve("application.properties"), text);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String oneLine(org.junit.jupiter.api.function.Executable action) {
    String message = assertThrows(UserError.class, action).getMessage();
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  @Test
  void commandLine_environment_file_andDefaults_applyInThisOrder() {
    assertEquals("1000", load(Map.of(), Map.of()).text("payouts.batch-size"));
    file("payouts.batch-size=2\nsource.patience = 9m \n");
    assertEquals("2", load(Map.of(), Map.of()).text("payouts.batch-size"));
    Map<String, String> environment = Map.of("PAYOUTS_BATCH_SIZE", "3", "UNRELATED", "x");
    assertEquals("3", load(environment, Map.of()).text("payouts.batch-size"));
    assertEquals(
        "4", load(environment, Map.of("payouts.batch-size", "4")).text("payouts.batch-size"));
    assertEquals(Duration.ofMinutes(9), load(environment, Map.of()).duration("source.patience"));
    assertEquals(
        "8",
        load(environment, Map.of()).text("payouts.concurrency"),
        "a line that the file leaves out");
  }

  @Test
  void envLocal_overridesEnv_andTheEnvironmentOverridesBoth() throws IOException {
    Files.writeString(
        home.resolve(".env"),
        "# keys\nPAYOUTS_BATCH_SIZE=5\nexport CLOB_API_KEY='from env'\n\nCLICKHOUSE_USER=me\n");
    Files.writeString(home.resolve(".env.local"), "CLICKHOUSE_USER=\"you\"\n");
    Settings settings = load(Map.of("PAYOUTS_BATCH_SIZE", "6"), Map.of());
    assertEquals("6", settings.text("payouts.batch-size"));
    assertEquals("from env", settings.text("clob.api-key"));
    assertEquals("you", settings.text("clickhouse.user"));
  }

  @Test
  void aSettingOfCamel_isTakenInBothForms_andAMisspeltOneIsNamed() {
    file("camel.main.dump-routes=yaml\ncamel.resilience4j.slowCallRateThreshold=50\n");
    assertEquals("yaml", load(Map.of(), Map.of()).text("camel.main.dump-routes"));
    file("camel.component.direct.timeout=9\ncamel.beans.x=#class:java.lang.Object\n");
    assertEquals("9", load(Map.of(), Map.of()).text("camel.component.direct.timeout"));
    file("camel.resilience4j.sliding-window-sze=20\n");
    String message = oneLine(() -> load(Map.of(), Map.of()));
    assertTrue(
        message.contains("unknown setting 'camel.resilience4j.sliding-window-sze'"), message);
    assertTrue(message.contains("Did you mean 'camel.resilience4j.sliding-window-size'?"), message);
  }

  @Test
  void anUnreadableEnvFile_isNamed_andNotShown() throws IOException {
    Files.writeString(home.resolve(".env"), "CLOB_API_KEY=x\nsecret words without a sign\n");
    String message = oneLine(() -> load(Map.of(), Map.of()));
    assertTrue(message.contains(home.resolve(".env") + ", line 2:"), message);
    assertTrue(!message.contains("secret"), message);
  }

  @Test
  void anOpenQuoteInAnEnvFile_isSaid() throws IOException {
    for (String line : new String[] {"CLICKHOUSE_PASSWORD=\"a b", "export X='a b # c"}) {
      Files.writeString(home.resolve(".env"), "A=1\n" + line + "\n");
      assertEquals(
          home.resolve(".env") + ", line 2: the closing quote of the value is missing",
          oneLine(() -> load(Map.of(), Map.of())));
    }
  }

  @Test
  void aSettingThatStandsTwice_isRefused_withBothLines() throws IOException {
    file("payouts.batch-size=5\n# payouts.batch-size=6\n\npayouts.batch-size = 7\n");
    assertEquals(
        home.resolve("application.properties")
            + ", lines 1 and 4: payouts.batch-size is set more than once; keep one line",
        oneLine(() -> load(Map.of(), Map.of())));
    file("");
    Files.writeString(home.resolve(".env"), "A=secret\n\nexport A='other'\n");
    assertEquals(
        home.resolve(".env") + ", line 3: A is set in line 1 already; keep one of the two",
        oneLine(() -> load(Map.of(), Map.of())));
    Files.writeString(home.resolve(".env"), "A=1\n");
    Files.writeString(home.resolve(".env.local"), "A=2\n");
    load(Map.of(), Map.of());
  }

  @Test
  void aVariableThatIsNearlyOneOfASetting_isNamed_andOthersAreNot() {
    Settings settings = load(Map.of(), Map.of());
    for (String[] near :
        new String[][] {
          {"PAYOUTS_BATCHSIZE", "PAYOUTS_BATCH_SIZE"},
          {"PAYOUT_BATCH_SIZE", "PAYOUTS_BATCH_SIZE"},
          {"CLICK_HOUSE_URL", "CLICKHOUSE_URL"},
          {"CLICKHOUSE_PASWORD", "CLICKHOUSE_PASSWORD"},
        }) {
      assertEquals(
          java.util.List.of(
              "the environment variable "
                  + near[0]
                  + " overrides no setting. Did you mean '"
                  + near[1]
                  + "'?"),
          settings.misspelt(Map.of(near[0], "secret")));
    }
    for (String other :
        new String[] {
          "PATH",
          "SERVER_PORT",
          "BLOB_URL",
          "CLICKHOUSE_HOST",
          "CLICKHOUSE_DATABASE",
          "USER",
          "ALCHEMY_POLYGON_RPC_URL",
          "POLYGON_RPC_URL",
          "CLUSTER_NAME",
          "DEBUG",
          "JAVA_HOME"
        }) {
      assertEquals(java.util.List.of(), settings.misspelt(Map.of(other, "x")), other);
    }
  }

  @Test
  void environmentVariables_areUpperCaseWithUnderscores() {
    assertEquals("CLICKHOUSE_URL", Settings.variable("clickhouse.url"));
    assertEquals("PAYOUTS_BATCH_SIZE", Settings.variable("payouts.batch-size"));
    assertEquals(
        "secret",
        load(Map.of("CLICKHOUSE_PASSWORD", "secret"), Map.of()).text("clickhouse.password"));
  }

  @Test
  void anUnknownSetting_isNamedWithTheNearest_andItsPlace() {
    String message = oneLine(() -> load(Map.of(), Map.of("payouts.batchsize", "5")));
    assertTrue(
        message.contains("'payouts.batchsize' in --set")
            && message.contains("Did you mean 'payouts.batch-size'?"),
        message);
    file("goldsky.position.url=x\n");
    message = oneLine(() -> load(Map.of(), Map.of()));
    assertTrue(
        message.contains(home.resolve("application.properties").toString())
            && message.contains("'goldsky.positions.url'"),
        message);
  }

  @Test
  void aJobThatWasAddedSinceTheBuild_hasItsTwoSettings() throws IOException {
    file("mine.batch-size=5\nmine.concurrency=2\n");
    assertTrue(oneLine(() -> load(Map.of(), Map.of())).contains("unknown setting 'mine."));
    Files.createDirectories(home.resolve("routes/jobs"));
    Files.createFile(home.resolve("routes/jobs/mine.job.yaml"));
    assertEquals(5, load(Map.of(), Map.of()).number("mine.batch-size", 1));
    assertEquals(3, load(Map.of("MINE_CONCURRENCY", "3"), Map.of()).number("mine.concurrency", 1));
    assertTrue(
        oneLine(() -> load(Map.of(), Map.of("mine.batchsize", "5")))
            .contains("unknown setting 'mine.batchsize'"));
  }

  @Test
  void aSourceThatWasAddedSinceTheBuild_hasItsUrl() throws IOException {
    file("mine.url=http://127.0.0.1:1/x\n");
    assertTrue(oneLine(() -> load(Map.of(), Map.of())).contains("unknown setting 'mine.url'"));
    Files.createDirectories(home.resolve("routes/sources"));
    Files.createFile(home.resolve("routes/sources/mine.camel.yaml"));
    assertEquals("http://127.0.0.1:1/x", load(Map.of(), Map.of()).text("mine.url"));
  }

  @Test
  void ofSeveralUrls_eachIsOne_andOneThatIsNone_isNotShown() {
    String key = "polygon.rpc.urls";
    Settings two = load(Map.of(), Map.of(key, "https://a.example/k, http://b:8545"));
    assertEquals(2, two.urls(key).size());
    Settings one = load(Map.of(), Map.of(key, "https://a.example/k,host:8545/secret"));
    String message = oneLine(() -> one.urls(key));
    assertTrue(message.contains(key + " is not a URL"), message);
    assertFalse(message.contains("secret"), message);
  }

  @Test
  void aNameLikeNoSetting_getsNoSuggestion() {
    assertTrue(!oneLine(() -> load(Map.of(), Map.of("zzzz", "5"))).contains("Did you mean"));
  }

  @Test
  void camelsOwnSettings_areAccepted() {
    assertEquals(
        "true", load(Map.of(), Map.of("camel.main.tracing", "true")).text("camel.main.tracing"));
  }

  @Test
  void wrongValues_areOneLineThatNamesTheSetting() {
    for (String wrong : new String[] {"abc", "0", "-5", "1.5", "", "99999999999"}) {
      String message =
          oneLine(
              () ->
                  load(Map.of(), Map.of("payouts.batch-size", wrong))
                      .number("payouts.batch-size", 1));
      assertTrue(
          message.contains("payouts.batch-size")
              && message.contains("'" + wrong + "'")
              && message.contains("at least 1"),
          message);
    }
    for (String wrong : new String[] {"abc", "5", "5 weeks", "-5m", ""}) {
      String message =
          oneLine(
              () -> load(Map.of(), Map.of("source.patience", wrong)).duration("source.patience"));
      assertTrue(
          message.contains("source.patience") && message.contains("'" + wrong + "'"), message);
    }
  }

  @Test
  void durations_areReadInEveryUnit() {
    Map<String, Duration> durations =
        Map.of(
            "250ms",
            Duration.ofMillis(250),
            "12s",
            Duration.ofSeconds(12),
            "30m",
            Duration.ofMinutes(30),
            "6h",
            Duration.ofHours(6),
            "7d",
            Duration.ofDays(7));
    durations.forEach((text, duration) -> assertEquals(duration, Settings.duration(text, "it")));
  }

  @Test
  void relativePaths_startAtTheProject() {
    assertEquals(home.resolve("runtime"), load(Map.of(), Map.of()).path("runtime.dir"));
    assertEquals(
        Path.of("/elsewhere"),
        load(Map.of(), Map.of("runtime.dir", "/elsewhere")).path("runtime.dir"));
  }

  @Test
  void aFileThatCannotBeRead_isOneLine() throws IOException {
    file("clickhouse.user=\\u12\n");
    assertTrue(oneLine(() -> load(Map.of(), Map.of())).contains("cannot read"));
    Files.write(home.resolve("application.properties"), new byte[] {(byte) 0xff, 65});
    assertTrue(oneLine(() -> load(Map.of(), Map.of())).contains("it is not text in UTF-8"));
  }
}
