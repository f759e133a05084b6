package polymarket.backfill.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import polymarket.backfill.Self;
import polymarket.backfill.Settings;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.embedded.EmbeddedClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.run.JobRun;
import polymarket.backfill.sandbox.Sandbox;
import polymarket.backfill.sandbox.SandboxOptions;

/**
 * Runs a small job once, so that the JVM can archive the classes that this loads. The launcher
 * calls it after a build, with -XX:ArchiveClassesAtExit; later starts then load and check them
 * faster.
 */
@Command(
    name = "archive-classes",
    hidden = true,
    description = "Run a small job against its own sandbox (called by the launcher after a build).")
final class ArchiveCommand implements Callable<Integer> {

  @Mixin private Common common;

  /** The classes of the engine's process, which is another one. */
  private static final Pattern ENGINE =
      Pattern.compile("(polymarket/backfill/embedded|com/sun/jna)/[^/]+\\.class");

  /** Loads the classes of the engine's process; those that need what is not there are left out. */
  private static void loadEngine() throws IOException {
    for (String jar : Self.classPath().split(File.pathSeparator)) {
      if (!jar.endsWith(".jar")) {
        continue;
      }
      try (JarFile file = new JarFile(jar)) {
        file.stream()
            .map(JarEntry::getName)
            .filter(name -> ENGINE.matcher(name).matches())
            .map(name -> name.substring(0, name.length() - ".class".length()).replace('/', '.'))
            .forEach(ArchiveCommand::load);
      }
    }
  }

  private static void load(String name) {
    try {
      Class.forName(name, false, ArchiveCommand.class.getClassLoader());
    } catch (ClassNotFoundException | LinkageError e) {
      // not in the archive
    }
  }

  @Override
  public Integer call() throws IOException {
    loadEngine();
    if (!EmbeddedClickHouse.isInstalled()) {
      // a server is used: without the engine no job can run here, and the archive has less
      return 0;
    }
    Path folder = Files.createTempDirectory("backfill-archive");
    try (Sandbox sandbox = Sandbox.start(new SandboxOptions().conditions(100))) {
      Settings settings =
          common
              .settings()
              .with(Settings.apart(folder.resolve("data"), folder))
              .with("goldsky.positions.url", sandbox.urls().get("goldsky-positions"));
      Job job = Job.read(Common.home(), "payouts");
      try (ClickHouse clickHouse = ClickHouse.open(settings);
          JobRun run =
              new JobRun(
                  settings,
                  List.of(job),
                  clickHouse,
                  new JobRun.Options(Share.WHOLE, 1, Long.MAX_VALUE),
                  new Terminal(true))) {
        run.ledger(job.getName())
            .load(
                loading ->
                    sandbox
                        .truth()
                        .conditionIds()
                        .forEach(id -> loading.add(job.idKind().normalise(id))));
        Report.json(run.run(new Terminal(true)).jobs());
      }
    } finally {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(path);
        }
      }
    }
    return 0;
  }
}
