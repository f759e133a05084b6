package polymarket.backfill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import polymarket.backfill.cli.Backfill;

class SelfTest {

  /** The command that a program gives whose classes a loader like Maven's has loaded. */
  private static List<String> command(URL... urls) throws Exception {
    try (URLClassLoader loader = new URLClassLoader(urls, ClassLoader.getPlatformClassLoader())) {
      Class<?> self = loader.loadClass(Self.class.getName());
      self.getMethod("starts", Class.class)
          .invoke(null, loader.loadClass(Backfill.class.getName()));
      List<String> line = new ArrayList<>();
      for (Object word :
          (List<?>)
              self.getMethod("command", List.class, List.class, List.class)
                  .invoke(null, List.of(), List.of(), List.of("--version"))) {
        line.add((String) word);
      }
      return line;
    }
  }

  @Test
  void loadedByMaven_itStartsWithItsOwnClassPath(@TempDir Path folder) throws Exception {
    Path classes = TestBed.PROJECT.resolve("target/classes");
    try (Stream<Path> jars = Files.list(TestBed.PROJECT.resolve("target/lib"))) {
      List<URL> urls = new ArrayList<>(List.of(classes.toUri().toURL()));
      for (Path jar : jars.toList()) {
        urls.add(jar.toUri().toURL());
      }
      Process version =
          new ProcessBuilder(command(urls.toArray(URL[]::new)))
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .start();
      String said = new String(version.getInputStream().readAllBytes());
      assertTrue(version.waitFor(60, TimeUnit.SECONDS));
      assertEquals(0, version.exitValue(), said);
      assertTrue(said.contains("backfill 1.0"), said);
    }
  }

  @Test
  void aFolderWithASpaceInItsName_staysOneEntryOfTheClassPath(@TempDir Path folder)
      throws Exception {
    Path odd = Files.createDirectory(folder.resolve("jars + so"));
    List<String> line =
        command(TestBed.PROJECT.resolve("target/classes").toUri().toURL(), odd.toUri().toURL());
    assertEquals(
        TestBed.PROJECT.resolve("target/classes") + ":" + odd, line.get(line.indexOf("-cp") + 1));
  }

  @Test
  void theHome_isPassedOn_unlessAnotherIsGiven() {
    Self.starts(Backfill.class);
    String home = "-Dbackfill.home=" + Home.folder();
    assertTrue(Self.command(List.of(), List.of(), List.of()).contains(home));
    assertTrue(!Self.command(List.of("-Dbackfill."), List.of(), List.of()).contains(home));
  }
}
