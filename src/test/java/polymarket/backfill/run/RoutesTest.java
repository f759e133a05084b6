package polymarket.backfill.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.Set;
import org.apache.camel.support.RouteWatcherReloadStrategy;
import org.junit.jupiter.api.Test;
import polymarket.backfill.SaidMessages;
import polymarket.backfill.TestBed;
import polymarket.backfill.job.Job;

class RoutesTest {

  @Test
  void startAll_startsEveryJob_andOnlyTheProgramsOwnReload() throws Exception {
    // as `mvn camel:dev` sets them
    String enabled = "camel.main.routesReloadEnabled";
    String directory = "camel.main.routesReloadDirectory";
    try (TestBed bed = TestBed.start()) {
      System.setProperty(enabled, "true");
      System.setProperty(directory, bed.home().resolve("routes").toString());
      try (Routes routes =
          Routes.startAll(bed.settings(), TestBed.clickHouse(), SaidMessages.SILENT)) {
        for (String job : Job.names(bed.home())) {
          assertNotNull(routes.context().getRoute(job + "-ask"), job);
        }
        Set<RouteWatcherReloadStrategy> reloads =
            routes.context().hasServices(RouteWatcherReloadStrategy.class);
        assertEquals(1, reloads.size(), reloads.toString());
        assertInstanceOf(RouteReload.class, reloads.iterator().next());
      } finally {
        System.clearProperty(enabled);
        System.clearProperty(directory);
      }
    }
  }
}
