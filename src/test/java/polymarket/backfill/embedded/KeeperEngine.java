package polymarket.backfill.embedded;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The engine in a process of its own, with the Keeper that ClickHouse's own tests use, in memory.
 * Replicated tables can be created, renamed, exchanged and dropped on it. They are read-only,
 * because the library has no port for other replicas.
 */
public final class KeeperEngine implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Process process;
  private final OutputStream statements;
  private final BufferedReader answers;

  /**
   * @param data an empty folder
   * @param config the configuration file of the engine
   */
  public KeeperEngine(Path data, Path config) throws IOException {
    process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dbackfill.home=" + Path.of("").toAbsolutePath(),
                "-cp",
                System.getProperty("java.class.path"),
                KeeperEngine.class.getName(),
                data.toString(),
                config.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    statements = process.getOutputStream();
    answers = lines(process.getInputStream());
  }

  /** One shard with two replicas, of which this is one. */
  public static Path config(Path folder) throws IOException {
    return Files.writeString(
        folder.resolve("keeper.xml"),
        "<clickhouse><zookeeper><implementation>testkeeper</implementation></zookeeper>"
            + "<macros><shard>01</shard><replica>r1</replica></macros>"
            + "<keeper_map_path_prefix>/keeper_map</keeper_map_path_prefix></clickhouse>\n");
  }

  private static BufferedReader lines(InputStream in) {
    return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
  }

  /** Returns the answer as TabSeparated, or ClickHouse's error, which begins with "Code: ". */
  public String run(String sql) throws IOException {
    statements.write(JSON.writeValueAsBytes(sql));
    statements.write('\n');
    statements.flush();
    return JSON.readValue(answers.readLine(), String.class);
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }

  /**
   * @param args the data folder and the configuration file
   */
  public static void main(String[] args) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    Chdb.Connection engine = Chdb.load().connect(Path.of(args[0]), Path.of(args[1]));
    BufferedReader statements = lines(System.in);
    String line;
    while ((line = statements.readLine()) != null) {
      String answer;
      try {
        answer = engine.query(JSON.readValue(line, String.class)).text();
      } catch (EngineException e) {
        answer = e.getMessage();
      }
      out.println(JSON.writeValueAsString(answer));
    }
    Runtime.getRuntime().halt(0);
  }
}
