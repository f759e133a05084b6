package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The files of docs/ADDING-A-SOURCE.md, added to a program that was built before. */
class AddingASourceIT {

  private static final int TAGS = 650;

  /** The page's files by their paths. */
  private static Map<String, String> files() throws IOException {
    Map<String, String> files = new LinkedHashMap<>();
    Matcher file =
        Pattern.compile("(?sm)^`([^`\n]+)`\n\n```\\w+\n(.*?)```$")
            .matcher(Files.readString(TestBed.PROJECT.resolve("docs/ADDING-A-SOURCE.md")));
    while (file.find()) {
      files.put(file.group(1), file.group(2));
    }
    return files;
  }

  private static int lines(String path) throws IOException {
    return (int) files().get(path).lines().count();
  }

  @Test
  void theSmallestSourceAndJob_areSmall() throws IOException {
    assertTrue(lines("routes/sources/gamma-tags.camel.yaml") <= 50);
    assertTrue(lines("routes/jobs/tags.job.yaml") + lines("routes/jobs/tags.camel.yaml") <= 65);
    assertTrue(lines("sql/tags.sql") <= 80);
  }

  private static String page(int offset) {
    return IntStream.range(offset, Math.min(TAGS, offset + 300))
        .mapToObj(
            i ->
                "{\"id\":\""
                    + (i == 7 ? "seven" : String.valueOf(i))
                    + "\",\"label\":\"Label "
                    + i
                    + "\",\"slug\":\"label-"
                    + i
                    + "\",\"forceShow\":false}")
        .collect(Collectors.joining(",", "[", "]"));
  }

  private static HttpServer serve() throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
    server.createContext(
        "/tags",
        call -> {
          Matcher query =
              Pattern.compile("limit=300&offset=(\\d+)").matcher(call.getRequestURI().getQuery());
          byte[] answer =
              (query.matches() ? page(Integer.parseInt(query.group(1))) : "{\"error\":\"query\"}")
                  .getBytes(StandardCharsets.UTF_8);
          call.sendResponseHeaders(200, answer.length);
          call.getResponseBody().write(answer);
          call.close();
        });
    server.start();
    return server;
  }

  @Test
  @Timeout(600)
  void aSourceAndAJob_areAddedWithFilesAlone_toABuiltProgram() throws IOException {
    HttpServer server = serve();
    try (TestBed bed = TestBed.start()) {
      for (Map.Entry<String, String> file : files().entrySet()) {
        Path path = bed.home().resolve(file.getKey());
        Files.createDirectories(path.getParent());
        Files.writeString(
            path, file.getValue(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      }
      bed.set("gamma.url", "http://127.0.0.1:" + server.getAddress().getPort());
      for (int pass = 1; pass <= 2; pass++) {
        Program.Result run = Program.run(bed, "run", "tags");
        // the list is stored, and one row of it is not what was promised
        assertEquals(0, run.exitCode(), run.toString());
        assertEquals(TAGS - 1, TestBed.number("SELECT count() FROM default.api_tags"));
        assertEquals(
            TAGS - 1,
            TestBed.number(
                "SELECT uniqExact(tag_id, label, slug) FROM default.api_tags WHERE label ="
                    + " concat('Label ', tag_id) AND slug = concat('label-', tag_id)"));
      }
      assertEquals(
          "[{tag_id=seven, reason=the id is not a number, row={\"id\":\"seven\",\"label\":\"Label"
              + " 7\",\"slug\":\"label-7\",\"asked\":\"tags\"}}]",
          TestBed.sql("SELECT tag_id, reason, row FROM default.tags_rejected FINAL").toString());
      Program.Result verify = Program.run(bed, "verify", "tags");
      assertEquals(3, verify.exitCode(), verify.toString());
      assertTrue(verify.out().contains("rejected"), verify.out());

      Path sql = bed.home().resolve("sql/tags.sql");
      Files.writeString(sql, Files.readString(sql).replace("-- @rejected", "-- @rejectd"));
      Program.Result mistake = Program.run(bed, "run", "tags");
      assertEquals(1, mistake.exitCode(), mistake.toString());
      assertTrue(
          mistake
              .err()
              .contains("sql/tags.sql:32: unknown section @rejectd. Did you mean 'rejected'?"),
          mistake.err());

      String sound = files().get("sql/tags.sql");
      for (String[] broken :
          new String[][] {
            {"run", "-- @setup", "ENGINE = Null;", "ENGINE Nil;"},
            {
              "verify",
              "-- @measure tags",
              "SELECT uniqExact(tag_id) FROM default.api_tags",
              "SELECT uniqExact(tagid) FROM default.api_tags"
            }
          }) {
        Files.writeString(sql, sound.replace(broken[2], broken[3]));
        long line = sound.substring(0, sound.indexOf(broken[1])).lines().count() + 1;
        Program.Result refused = Program.run(bed, broken[0], "tags");
        assertEquals(1, refused.exitCode(), refused.toString());
        String where =
            "sql/tags.sql:" + line + " " + broken[1].substring(3).replaceAll(" .*", "") + ": ";
        assertTrue(refused.err().contains(where), where + refused.err());
      }
    } finally {
      server.stop(0);
    }
  }
}
