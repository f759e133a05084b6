package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static polymarket.backfill.embedded.TestEngine.ask;
import static polymarket.backfill.embedded.TestEngine.encode;
import static polymarket.backfill.embedded.TestEngine.post;
import static polymarket.backfill.embedded.TestEngine.rows;
import static polymarket.backfill.embedded.TestEngine.send;
import static polymarket.backfill.embedded.TestEngine.table;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** ClickHouse's HTTP protocol, as curl would speak it. */
class EngineServerTest {
  private static URI engine;

  @BeforeAll
  static void start() {
    engine = TestEngine.shared().url();
  }

  /** The head of a request as it is sent, without its last line. */
  private static String head(String line) {
    return line
        + "\r\nHost: 127.0.0.1:"
        + engine.getPort()
        + "\r\nAuthorization: "
        + TestEngine.authorization(TestEngine.PASSWORD)
        + "\r\n";
  }

  private static HttpResponse<String> get(String parameters) {
    return send(
        HttpRequest.newBuilder(URI.create(engine + "/?" + parameters)), BodyHandlers.ofString());
  }

  private static String header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse(null);
  }

  private static JsonNode summary(HttpResponse<?> response) throws IOException {
    return new ObjectMapper().readTree(header(response, "X-ClickHouse-Summary"));
  }

  @Test
  void pingAndEmptyQueryAnswerAsAServerDoes() {
    for (String path : List.of("/ping", "/replicas_status", "/")) {
      var response =
          send(HttpRequest.newBuilder(URI.create(engine + path)), BodyHandlers.ofString());
      assertEquals("200 Ok.\n", response.statusCode() + " " + response.body());
      var head =
          send(
              HttpRequest.newBuilder(URI.create(engine + path))
                  .method("HEAD", HttpRequest.BodyPublishers.noBody()),
              BodyHandlers.ofString());
      assertEquals("200 ", head.statusCode() + " " + head.body());
    }
    assertEquals(
        404,
        send(HttpRequest.newBuilder(URI.create(engine + "/nothing")), BodyHandlers.ofString())
            .statusCode());
    assertEquals(400, post(engine, "", "").statusCode());
  }

  @Test
  void answerCarriesClickHouseHeaders() throws Exception {
    var response = post(engine, "query_id=mine", "SELECT number FROM numbers(10)");
    assertEquals("mine", header(response, "X-ClickHouse-Query-Id"));
    assertEquals("TabSeparated", header(response, "X-ClickHouse-Format"));
    assertEquals(ask(engine, "SELECT timezone()"), header(response, "X-ClickHouse-Timezone"));
    assertEquals(
        ask(engine, "SELECT hostName()"), header(response, "X-ClickHouse-Server-Display-Name"));
    assertEquals(10, summary(response).get("read_rows").asInt());
    assertEquals(10, summary(response).get("result_rows").asInt());
    assertEquals("JSON", header(post(engine, "", "SELECT 1 FORMAT JSON"), "X-ClickHouse-Format"));
    assertTrue(
        header(post(engine, "default_format=JSON", "SELECT 1"), "Content-Type")
            .startsWith("application/json"));
    assertEquals(
        "CSV",
        header(post(engine, "", "SELECT 1", "X-ClickHouse-Format", "CSV"), "X-ClickHouse-Format"));
  }

  @Test
  void aQuery_isReadFromTheUrl_theBody_orBoth() {
    assertEquals("1\n", get("query=SELECT%201").body());
    assertEquals("2\n", post(engine, "", "SELECT 2").body());
    assertEquals("3\n", post(engine, "query=SELECT", "3").body());
    assertEquals("Straße ✓\n", get("query=" + encode("SELECT 'Straße ✓'")).body());
    assertEquals("Straße ✓\n", post(engine, "", "SELECT 'Straße ✓'").body());
  }

  @Test
  void parametersAreBound_notPasted() {
    String evil = "x' OR \\\\ \"1\" ; ✓";
    assertEquals(
        evil,
        post(
                engine,
                "param_s=" + encode(evil.replace("\\", "\\\\")) + "&param_n=7",
                "SELECT {s:String} FORMAT TSVRaw")
            .body()
            .stripTrailing());
    assertEquals(
        "7\t['a','b']\n",
        post(
                engine,
                "param_n=7&param_l=" + encode("['a','b']"),
                "SELECT {n:UInt8}, {l:Array(String)}")
            .body());
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt8) ENGINE = Memory");
    assertEquals(
        200,
        post(engine, "param_t=" + t + "&param_n=9", "INSERT INTO {t:Identifier} VALUES ({n:UInt8})")
            .statusCode());
    assertEquals("9", ask(engine, "SELECT a FROM " + t));
    assertEquals(
        456,
        Integer.parseInt(
            header(post(engine, "", "SELECT {missing:String}"), "X-ClickHouse-Exception-Code")));
  }

  @Test
  void settingsOfParallelRequests_doNotMix() {
    List<CompletableFuture<String>> all = new ArrayList<>();
    for (int i = 1; i <= 16; i++) {
      int n = i;
      all.add(
          CompletableFuture.supplyAsync(
              () ->
                  post(
                          engine,
                          "max_threads="
                              + n
                              + "&wait_end_of_query=1&buffer_size=1000&role=x&client_protocol_version=54460",
                          "SELECT getSetting('max_threads'), sleep(0.2)")
                      .body()));
    }
    for (int i = 1; i <= 16; i++) {
      assertEquals(i + "\t0\n", all.get(i - 1).join());
    }
  }

  @Test
  void requestsRunInParallel() {
    long begin = System.nanoTime();
    List<CompletableFuture<String>> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(
          CompletableFuture.supplyAsync(
              () -> ask(engine, "SELECT sleep(1)"), task -> new Thread(task).start()));
    }
    all.forEach(CompletableFuture::join);
    assertTrue(
        System.nanoTime() - begin < 5_000_000_000L,
        "8 sleeps of 1 s took " + (System.nanoTime() - begin) / 1_000_000 + " ms");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          SELECT * FROM nowhere                        | 404 | 60  | UNKNOWN_TABLE
          SELECT nothing                               | 404 | 47  | UNKNOWN_IDENTIFIER
          SELEC 1                                      | 400 | 62  | SYNTAX_ERROR
          exit                                         | 400 | 62  | SYNTAX_ERROR
          ?? tell me                                   | 400 | 62  | SYNTAX_ERROR
          1 + 1                                        | 400 | 62  | SYNTAX_ERROR
          SELECT 1; SELECT 2                           | 400 | 62  | SYNTAX_ERROR
          SELECT throwIf(1)                            | 500 | 395 | FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
          SELECT 1 FORMAT Nothing                      | 404 | 73  | UNKNOWN_FORMAT
          SELECT 1 INTO OUTFILE '/tmp/x'               | 500 | 358 | INTO_OUTFILE_NOT_ALLOWED
          SELECT 1 SETTINGS nothing = 1                | 404 | 115 | UNKNOWN_SETTING
          INSERT INTO nowhere FORMAT CSV 1             | 404 | 60  | UNKNOWN_TABLE
          INSERT INTO nowhere FROM INFILE 'x' FORMAT CSV | 404 | 78 | UNKNOWN_TYPE_OF_QUERY
          """)
  void errorHasClickHouseCodeAndStatus(String sql, int status, String code, String name) {
    var response = post(engine, "", sql);
    assertEquals(status, response.statusCode(), response.body());
    assertEquals(code, header(response, "X-ClickHouse-Exception-Code"));
    assertTrue(response.body().startsWith("Code: " + code + ". DB::Exception: "), response.body());
    assertTrue(response.body().contains("(" + name + ") (version "), response.body());
    assertEquals(1, response.body().split("Code: ", -1).length - 1, response.body());
  }

  @Test
  void unknownDatabaseAndSetting_areErrors() {
    assertEquals(
        "81", header(post(engine, "database=nowhere", "SELECT 1"), "X-ClickHouse-Exception-Code"));
    assertEquals(
        "115", header(post(engine, "nothing=1", "SELECT 1"), "X-ClickHouse-Exception-Code"));
    assertEquals(
        "115",
        header(
            post(engine, encode("max_threads = 1, x") + "=1", "SELECT 1"),
            "X-ClickHouse-Exception-Code"));
    assertEquals("system\n", post(engine, "database=system", "SELECT currentDatabase()").body());
    assertEquals(
        "system\n",
        post(engine, "", "SELECT currentDatabase()", "X-ClickHouse-Database", "system").body());
  }

  @Test
  void getOnlyReads() {
    String t = table();
    assertEquals(
        "164",
        header(
            get("query=" + encode("CREATE TABLE " + t + " (a UInt8) ENGINE = Memory")),
            "X-ClickHouse-Exception-Code"));
    ask(engine, "CREATE TABLE " + t + " (a UInt8) ENGINE = Memory");
    for (String sql :
        List.of(
            "INSERT INTO " + t + " VALUES (1)",
            "INSERT INTO " + t + " SELECT 1",
            "DROP TABLE " + t,
            "SYSTEM FLUSH LOGS",
            "TRUNCATE " + t)) {
      assertEquals("164", header(get("query=" + encode(sql)), "X-ClickHouse-Exception-Code"), sql);
    }
    assertEquals("0\n", get("query=" + encode("SELECT count() FROM " + t)).body());
  }

  @Test
  void insertFromInput_isAnError_notSilence() {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt8) ENGINE = Memory");
    var response =
        post(engine, "", "INSERT INTO " + t + " SELECT a FROM input('a UInt8') FORMAT CSV\n1\n");
    assertEquals(
        "501 48", response.statusCode() + " " + header(response, "X-ClickHouse-Exception-Code"));
    assertTrue(response.body().contains("stores nothing in the embedded engine"), response.body());
  }

  @Test
  void rowsAfterABlankLine_areStored_andNotRunAsSql() {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a String) ENGINE = Memory");
    assertEquals(
        200,
        post(engine, "", "INSERT INTO " + t + " FORMAT TSV\nfirst\n\nDROP TABLE " + t + "\n;\n")
            .statusCode());
    assertEquals("4", ask(engine, "SELECT count() FROM " + t));
    assertEquals(
        200,
        post(
                engine,
                "query=" + encode("INSERT INTO " + t + " FORMAT JSONEachRow"),
                "{\"a\":\"x\"}\n\n{\"a\":\"y;\"}\n\n")
            .statusCode());
    assertEquals(
        200, post(engine, "", "INSERT INTO " + t + " VALUES ('v;'), \n\n('w');").statusCode());
    assertEquals(200, post(engine, "", "INSERT INTO " + t + " SELECT 'z'").statusCode());
    assertEquals("9", ask(engine, "SELECT count() FROM " + t));
  }

  @Test
  void insertOfFiftyThousandRows_isOneBlock_andCounted() throws Exception {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt32, s String) ENGINE = MergeTree ORDER BY a");
    byte[] rows = rows(50_000).readAllBytes();
    var response =
        send(
            engine,
            "query=" + encode("INSERT INTO " + t + " FORMAT JSONEachRow"),
            rows,
            BodyHandlers.ofString());
    assertEquals(200, response.statusCode(), response.body());
    assertEquals(50_000, summary(response).get("written_rows").asInt());
    assertEquals("50000\t1", ask(engine, "SELECT count(), uniqExact(_part) FROM " + t));
  }

  @Test
  void badRow_storesNothingOfItsBlock() {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt32) ENGINE = MergeTree ORDER BY a");
    var response =
        post(engine, "", "INSERT INTO " + t + " FORMAT JSONEachRow {\"a\":1}\n{\"a\":\"no\"}\n");
    assertEquals(400, response.statusCode(), response.body());
    assertEquals("0", ask(engine, "SELECT count() FROM " + t));
  }

  @Test
  void errorInAMaterializedView_failsTheInsert() {
    String t = table();
    ask(engine, "CREATE TABLE " + t + "_in (a UInt32) ENGINE = Null");
    ask(engine, "CREATE TABLE " + t + " (a UInt32) ENGINE = MergeTree ORDER BY a");
    ask(
        engine,
        "CREATE MATERIALIZED VIEW "
            + t
            + "_view TO "
            + t
            + " AS SELECT a + throwIf(a = 7) AS a FROM "
            + t
            + "_in");
    assertEquals(
        500,
        post(engine, "", "INSERT INTO " + t + "_in FORMAT JSONEachRow {\"a\":6}{\"a\":7}")
            .statusCode());
    assertEquals(
        200,
        post(engine, "", "INSERT INTO " + t + "_in FORMAT JSONEachRow {\"a\":6}").statusCode());
    assertEquals("1", ask(engine, "SELECT count() FROM " + t));
  }

  @Test
  void sameTokenTwice_storesNothingTheSecondTime() {
    String t = table();
    ask(engine, "CREATE TABLE " + t + "_in (a UInt32) ENGINE = Null");
    ask(
        engine,
        "CREATE TABLE "
            + t
            + " (a UInt32) ENGINE = MergeTree ORDER BY a SETTINGS"
            + " non_replicated_deduplication_window = 100");
    ask(
        engine,
        "CREATE MATERIALIZED VIEW " + t + "_view TO " + t + " AS SELECT a FROM " + t + "_in");
    for (String token : List.of("one", "one", "two")) {
      var response =
          post(
              engine,
              "insert_deduplication_token="
                  + token
                  + "&deduplicate_blocks_in_dependent_materialized_views=1&query="
                  + encode("INSERT INTO " + t + "_in FORMAT JSONEachRow"),
              "{\"a\":1}\n{\"a\":2}\n");
      assertEquals(200, response.statusCode(), response.body());
    }
    assertEquals("4", ask(engine, "SELECT count() FROM " + t));
  }

  // ---- compression and framing

  private static byte[] packed(byte[] plain, String encoding) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (OutputStream o =
        encoding.equals("gzip")
            ? new GZIPOutputStream(out)
            : encoding.equals("deflate")
                ? new DeflaterOutputStream(out)
                : NativeFrames.compress(out)) {
      o.write(plain);
    }
    return out.toByteArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"gzip", "deflate", "native"})
  void compressedBodies_areRead(String encoding) throws Exception {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt32, s String) ENGINE = Memory");
    byte[] body = packed(rows(30_000).readAllBytes(), encoding);
    String url = "query=" + encode("INSERT INTO " + t + " FORMAT JSONEachRow");
    var response =
        encoding.equals("native")
            ? send(engine, url + "&decompress=1", body, BodyHandlers.ofString())
            : send(engine, url, body, BodyHandlers.ofString(), "Content-Encoding", encoding);
    assertEquals(200, response.statusCode(), response.body());
    assertEquals("30000\t449985000", ask(engine, "SELECT count(), sum(a) FROM " + t));
  }

  @Test
  void brokenBodies_storeNothing() throws Exception {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt32, s String) ENGINE = Memory");
    String url = "query=" + encode("INSERT INTO " + t + " FORMAT JSONEachRow");
    byte[] gzip = packed(rows(1_000).readAllBytes(), "gzip");
    assertEquals(
        500,
        send(
                engine,
                url,
                java.util.Arrays.copyOf(gzip, gzip.length / 2),
                BodyHandlers.ofString(),
                "Content-Encoding",
                "gzip")
            .statusCode());
    byte[] frames = packed(rows(1_000).readAllBytes(), "native");
    frames[frames.length / 2] ^= 1;
    assertEquals(
        "40",
        header(
            send(engine, url + "&decompress=1", frames, BodyHandlers.ofString()),
            "X-ClickHouse-Exception-Code"));
    assertEquals(
        "48",
        header(post(engine, url, "x", "Content-Encoding", "zstd"), "X-ClickHouse-Exception-Code"));
    assertEquals("0", ask(engine, "SELECT count() FROM " + t));
  }

  @Test
  void compressedAnswers_haveTheRequestedEncoding() throws Exception {
    String sql = "SELECT number, repeat('x', 20) FROM numbers(100000)";
    byte[] plain =
        send(engine, "", sql.getBytes(StandardCharsets.UTF_8), BodyHandlers.ofByteArray()).body();
    var gzip =
        send(
            engine,
            "enable_http_compression=1",
            sql.getBytes(StandardCharsets.UTF_8),
            BodyHandlers.ofByteArray(),
            "Accept-Encoding",
            "br, gzip;q=0.9");
    assertEquals("gzip", header(gzip, "Content-Encoding"));
    assertArrayEquals(
        plain, new GZIPInputStream(new ByteArrayInputStream(gzip.body())).readAllBytes());
    var native_ =
        send(
            engine, "compress=1", sql.getBytes(StandardCharsets.UTF_8), BodyHandlers.ofByteArray());
    assertTrue(native_.body().length < plain.length / 3);
    assertArrayEquals(
        plain, NativeFrames.decompress(new ByteArrayInputStream(native_.body())).readAllBytes());
    var not =
        send(
            engine,
            "",
            sql.getBytes(StandardCharsets.UTF_8),
            BodyHandlers.ofByteArray(),
            "Accept-Encoding",
            "gzip");
    assertArrayEquals(plain, not.body());
  }

  @Test
  void chunkedBodyAndKeepAlive_work() throws Exception {
    try (Socket s = new Socket("127.0.0.1", engine.getPort())) {
      OutputStream out = s.getOutputStream();
      InputStream in = s.getInputStream();
      for (int i = 0; i < 3; i++) {
        out.write(
            (head("POST / HTTP/1.1")
                    + "Transfer-Encoding: chunked\r\n\r\n6\r\nSELECT\r\n3;a=b\r\n 42\r\n0\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        StringBuilder answer = new StringBuilder();
        while (!answer.toString().endsWith("42\n")) {
          int c = in.read();
          assertTrue(c >= 0, answer.toString());
          answer.append((char) c);
        }
        assertTrue(answer.toString().startsWith("HTTP/1.1 200 OK\r\n"), answer.toString());
      }
    }
  }

  @Test
  void aClientThatDisconnectsDuringItsInsert_storesNothing() throws Exception {
    String t = table();
    ask(engine, "CREATE TABLE " + t + " (a UInt32) ENGINE = Memory");
    try (Socket s = new Socket("127.0.0.1", engine.getPort())) {
      s.getOutputStream()
          .write(
              (head("POST /?query=" + encode("INSERT INTO " + t + " FORMAT CSV") + " HTTP/1.1")
                      + "Content-Length: 1000\r\n\r\n1\n2\n3\n")
                  .getBytes(StandardCharsets.US_ASCII));
    }
    EngineServer.pause(300);
    assertEquals("0", ask(engine, "SELECT count() FROM " + t));
  }

  // ---- answers

  @ParameterizedTest
  @ValueSource(
      strings = {
        "RowBinaryWithNamesAndTypes",
        "Native",
        "JSONCompactEachRowWithNamesAndTypes",
        "CSVWithNames",
        "Parquet",
        "JSONEachRow"
      })
  void everyFormat_isReadBackAsItWasWritten(String format) {
    String t = table();
    ask(
        engine,
        "CREATE TABLE "
            + t
            + " (n UInt64, s String, a Array(Nullable(Int32)), d DateTime64(3, 'UTC'), f"
            + " FixedString(4)) ENGINE = Memory");
    String rows =
        "SELECT number AS n, concat(unhex('00FF0A5C'), toString(number), '✓') AS s,"
            + " [toInt32(number), NULL] AS a, toDateTime64(number, 3, 'UTC') AS d,"
            + " toFixedString(unhex('00010203'), 4) AS f FROM numbers(200000)";
    byte[] body =
        send(
                engine,
                "output_format_parquet_string_as_string=0",
                (rows + " FORMAT " + format).getBytes(StandardCharsets.UTF_8),
                BodyHandlers.ofByteArray())
            .body();
    var back =
        send(
            engine,
            "query=" + encode("INSERT INTO " + t + " FORMAT " + format),
            body,
            BodyHandlers.ofString());
    assertEquals(200, back.statusCode(), back.body());
    String sums = "SELECT count(), sum(cityHash64(n, s, a[1], isNull(a[2]), d, f)) FROM ";
    assertEquals(ask(engine, sums + "(" + rows + ")"), ask(engine, sums + t));
  }

  @Test
  void fiftyMillionNumbers_streamInFlatMemory() throws Exception {
    long before = residentKb();
    long bytes = 0;
    long most = 0;
    try (InputStream in =
        send(
                engine,
                "",
                "SELECT number FROM numbers(50000000)".getBytes(StandardCharsets.UTF_8),
                BodyHandlers.ofInputStream())
            .body()) {
      byte[] buffer = new byte[1 << 20];
      long next = 0;
      for (int n; (n = in.read(buffer)) >= 0; ) {
        bytes += n;
        if (bytes > next) {
          most = Math.max(most, residentKb());
          next = bytes + (20 << 20);
        }
      }
    }
    assertEquals(438_888_890L, bytes);
    assertTrue(most - before < 150_000, "grew by " + (most - before) + " kB");
  }

  private static long residentKb() throws IOException {
    Path status = Path.of("/proc/" + TestEngine.shared().pid() + "/status");
    if (!Files.exists(status)) {
      return 0;
    }
    return Files.readAllLines(status).stream()
        .filter(l -> l.startsWith("VmRSS"))
        .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")))
        .findFirst()
        .orElse(0);
  }

  @Test
  void aClientThatDisconnectsDuringAnAnswer_stopsItsQuery() throws Exception {
    InputStream in =
        send(
                engine,
                "",
                "SELECT number, 'left behind' FROM numbers(100000000000)"
                    .getBytes(StandardCharsets.UTF_8),
                BodyHandlers.ofInputStream())
            .body();
    in.readNBytes(3 << 20);
    assertEquals("1", running("left behind"));
    in.close();
    for (int i = 0; i < 50 && !running("left behind").equals("0"); i++) {
      EngineServer.pause(100);
    }
    assertEquals("0", running("left behind"));
  }

  private static String running(String text) {
    return ask(
        engine,
        "SELECT count() FROM system.processes WHERE position(query, concat('"
            + text.substring(0, 4)
            + "', '"
            + text.substring(4)
            + "')) > 0");
  }

  @Test
  void anErrorDuringAnAnswer_cutsItOff_andSaysWhy() {
    // early: status and code; late: a broken answer
    assertEquals(
        500, post(engine, "", "SELECT throwIf(number = 1000) FROM numbers(100000)").statusCode());
    assertThrows(
        UncheckedIOException.class,
        () -> post(engine, "", "SELECT throwIf(number = 5000000) FROM numbers(10000000)"));
    var response =
        post(
            engine,
            "wait_end_of_query=1",
            "SELECT throwIf(number = 5000000) FROM numbers(10000000)");
    assertEquals(
        "500 395", response.statusCode() + " " + header(response, "X-ClickHouse-Exception-Code"));
  }

  @Test
  void waitEndOfQuery_givesTheWholeSummary() throws Exception {
    var response = post(engine, "wait_end_of_query=1", "SELECT number FROM numbers(3000000)");
    assertEquals(3_000_000, summary(response).get("result_rows").asInt());
    assertEquals(22_888_890, response.body().length());
  }

  // ---- sessions

  @Test
  void sessionKeepsItsTemporaryTables_andNobodyElseSeesThem() {
    String s = "session_id=" + table();
    assertEquals(200, post(engine, s, "CREATE TEMPORARY TABLE mine (a UInt8)").statusCode());
    assertEquals(200, post(engine, s, "INSERT INTO mine VALUES (1), (2)").statusCode());
    assertEquals(200, post(engine, s, "SET max_threads = 3").statusCode());
    assertEquals("2\n", post(engine, s + "&session_check=1", "SELECT count() FROM mine").body());
    assertEquals(
        "5\n",
        post(engine, s + "&max_threads=5&database=system", "SELECT getSetting('max_threads')")
            .body());
    assertEquals(
        "3\tdefault\n",
        post(engine, s, "SELECT getSetting('max_threads'), currentDatabase()").body());
    assertEquals(404, post(engine, "session_id=other", "SELECT count() FROM mine").statusCode());
    assertEquals(404, post(engine, "", "SELECT count() FROM mine").statusCode());
  }

  @Test
  void sessionIsLocked_whileItRuns_andEndsInTime() {
    String s = "session_id=" + table();
    CompletableFuture<HttpResponse<String>> slow =
        CompletableFuture.supplyAsync(
            () -> post(engine, s + "&session_timeout=1", "SELECT sleep(1)"));
    EngineServer.pause(400);
    var locked = post(engine, s, "SELECT 1");
    assertEquals(
        "500 373", locked.statusCode() + " " + header(locked, "X-ClickHouse-Exception-Code"));
    assertEquals(200, slow.join().statusCode());
    EngineServer.pause(2_000);
    assertEquals(
        "372",
        header(post(engine, s + "&session_check=1", "SELECT 1"), "X-ClickHouse-Exception-Code"));
    assertEquals(
        "374",
        header(
            post(engine, s + "&session_timeout=9999", "SELECT 1"), "X-ClickHouse-Exception-Code"));
  }
}
